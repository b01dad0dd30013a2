from .job import Settings as Settings
from .job import run as run
from .results import Run as Run
