from .builder import build as build
from .builder import build_heatmaps as build_heatmaps
