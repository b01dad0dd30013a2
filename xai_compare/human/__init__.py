"""People: where they clicked and where they looked, as tables of points and as maps."""

from xai_compare.human.agreement import leave_one_out, split_half
from xai_compare.human.clicks.discs import disc_maps
from xai_compare.human.columns import COLUMNS
from xai_compare.human.experiment import Experiment, Reading, read_experiment
from xai_compare.human.formats import FORMATS, click_formats, fixation_formats, reads
from xai_compare.human.gaze.events import Cross, GazeSettings
from xai_compare.human.gaze.recording import Events, events, fixations
from xai_compare.human.maps import HumanMap, attention_map, human_maps, pixels_per_degree
from xai_compare.human.pictures import match, on_pictures
from xai_compare.human.readers import read_clicks, read_fixations, read_gaze, recognise, stream_gaze
from xai_compare.human.screen import Placement, Screen

__all__ = [
    "COLUMNS",
    "FORMATS",
    "Cross",
    "Events",
    "Experiment",
    "GazeSettings",
    "HumanMap",
    "Placement",
    "Reading",
    "Screen",
    "attention_map",
    "click_formats",
    "disc_maps",
    "events",
    "fixation_formats",
    "fixations",
    "human_maps",
    "leave_one_out",
    "match",
    "on_pictures",
    "pixels_per_degree",
    "read_clicks",
    "read_experiment",
    "read_fixations",
    "read_gaze",
    "reads",
    "recognise",
    "split_half",
    "stream_gaze",
]
