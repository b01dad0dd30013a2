from .config import Training as Training
from .cross_validation import train as train
