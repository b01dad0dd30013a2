"""Which faces there are, what each network sees in them, and which pictures it explains."""

from xai_compare.analysis.predict.stage import Predict

__all__ = ["Predict"]
