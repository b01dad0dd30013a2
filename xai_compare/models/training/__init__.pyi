from .config import Training as Training
from .running import train as train
