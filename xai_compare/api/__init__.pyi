from .comparing import compare as compare
from .comparing import write_comparison as write_comparison
from .explaining import explain as explain
from .explaining import write_explanations as write_explanations
from .exploring import explore as explore
from .manuscript import write_figures as write_figures
from .model_check import check_model as check_model
from .running import run as run
