"""Training networks as the two papers do, on Lightning."""

from xai_compare.models.training.config import Training
from xai_compare.models.training.running import train

__all__ = ["Training", "train"]
