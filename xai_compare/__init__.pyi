from . import comparison as comparison
from . import ekman as ekman
from . import emotion as emotion
from . import errors as errors
from . import explainers as explainers
from . import expressions as expressions
from . import faces as faces
from . import heatmaps as heatmaps
from . import human as human
from . import images as images
from . import models as models
from . import report as report
from . import runs as runs
from . import study as study
from . import synthetic as synthetic
from .api import check_model as check_model
from .api import compare as compare
from .api import explain as explain
from .api import explore as explore
from .api import run as run
from .errors import InputError as InputError
from .runs import Run as Run
from .runs import Settings as Settings
from .runs.inspection import status as status
from .runs.inspection import verify as verify
from .study import Study as Study

__version__: str
