"""Are the maps of a run faithful to their networks?"""

from xai_compare.analysis.faithfulness.stage import Faithfulness, FaithfulnessOptions

__all__ = ["Faithfulness", "FaithfulnessOptions"]
