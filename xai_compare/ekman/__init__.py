"""Ekman masks: from expressions over action units to the regions of the face (EMFACS; Gaya-Morey et al. 2024)."""

from xai_compare.ekman.definitions import ACTION_UNITS, EXPRESSIONS, ActionUnit, Expression
from xai_compare.ekman.pictures import read_masks
from xai_compare.ekman.regions import action_units, mask, masks, region, union

__all__ = [
    "ACTION_UNITS",
    "EXPRESSIONS",
    "ActionUnit",
    "Expression",
    "action_units",
    "mask",
    "masks",
    "read_masks",
    "region",
    "union",
]
