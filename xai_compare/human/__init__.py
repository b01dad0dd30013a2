"""People: where they clicked and where they looked, as tables of points and as maps."""

from xai_compare.human.agreement import leave_one_out, split_half
from xai_compare.human.formats import FORMATS, click_formats, fixation_formats, reads
from xai_compare.human.maps import HumanMap, attention_map, human_maps, pixels_per_degree
from xai_compare.human.pictures import match, on_pictures
from xai_compare.human.readers import read_clicks, read_fixations, recognise

__all__ = [
    "FORMATS",
    "HumanMap",
    "attention_map",
    "click_formats",
    "fixation_formats",
    "human_maps",
    "leave_one_out",
    "match",
    "on_pictures",
    "pixels_per_degree",
    "read_clicks",
    "read_fixations",
    "reads",
    "recognise",
    "split_half",
]
