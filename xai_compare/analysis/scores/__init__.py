"""How alike the sources are: scores with their intervals and nulls, and the dendrograms in numbers."""

from xai_compare.analysis.scores.stage import Scores

__all__ = ["Scores"]
