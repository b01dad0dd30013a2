"""What the columns of every table of human data hold, and in which unit."""

from __future__ import annotations

SAMPLE_COLUMNS: dict[str, str] = {
    "participant": "text",
    "image": "name of the picture",
    "trial": "anything that changes from one trial to the next, where one picture follows itself (optional)",
    "time": "ms by the tracker's clock",
    "x, y": "pixels of the picture as shown, pixel centres at integers, y downwards",
    "screen_x, screen_y": "or: pixels of the screen",
    "fraction_x, fraction_y": "or: fractions of the screen, 0 to 1",
    "left, top, width, height": "where the picture lay on the screen, in its pixels (needed unless x and y are given)",
    "pupil": "size of the pupil in the unit of the file (optional)",
    "distance": "from the eyes to the screen in cm (optional)",
    "event": "what the exporter calls the sample: fixation, saccade, blink, loss, other (optional)",
}
"""What a reader of samples yields. ``attrs["screen"]`` may hold the fields of a
`xai_compare.human.screen.Screen`."""

_TRIAL = {
    "participant": "text",
    "image": "name of the picture",
    "trial": "which trial of the participant in its file it is, from 1",
}

_ANSWER = {
    "response": "the answer",
    "label": "the true answer",
    "false_label": "the other one offered",
    "correct": "whether the answer was the true one",
    "rt": "ms from the trial's beginning to the answer",
}

COLUMNS: dict[str, dict[str, str]] = {
    "samples": _TRIAL
    | {
        "time": "ms since the trial's first sample",
        "x": "pixels of the picture as shown; NaN where the eye was not found",
        "y": "the same, downwards",
        "pupil": "size of the pupil in the unit of the file",
        "label": "what the sample was found to be: fixation, saccade, blink, loss or other",
        "on_picture": "whether it lies on the picture",
        "event": "what the exporter called it, where it did",
    },
    "fixations": _TRIAL
    | {
        "order": "rank within the trial, from 1",
        "x": "centre of mass of its samples, pixels of the picture as shown",
        "y": "the same, downwards",
        "onset": "ms since the trial's first sample",
        "duration": "ms",
        "samples": "how many samples it is made of",
        "on_picture": "whether it lies on the picture",
    },
    "saccades": _TRIAL
    | {
        "order": "of the fixation it leaves",
        "from_x": "centre of the fixation it leaves, pixels of the picture as shown",
        "from_y": "the same, downwards",
        "to_x": "centre of the fixation it ends in",
        "to_y": "the same, downwards",
        "onset": "ms since the trial's first sample",
        "duration": "ms between the two fixations",
        "amplitude": "degrees of visual angle between the two fixations",
        "orientation": "degrees, 0 to the right, 90 upwards, from 0 to 360",
        "turning_angle": "degrees from the saccade before, 0 straight on, positive anticlockwise, -180 to 180",
    },
    "clicks": _TRIAL
    | {
        "order": "rank within the trial, from 1",
        "x": "pixels of the picture",
        "y": "the same, downwards",
        "time": "ms since the trial began",
    }
    | _ANSWER,
    "trials": _TRIAL
    | {
        "kept": "whether the trial's points are used",
        "reason": "why not",
        "samples": "number of samples",
        "rate": "samples per second",
        "duration": "ms",
        "lost": "share of samples in which the eye was not found, rows left out by the clock among them",
        "blinks": "number of losses as long as a blink, or marked as one",
        "losses": "number of other losses",
        "coded": "samples that the file codes as lost: 0, 0; -1, -1; -32768; the last place with a pupil of 0",
        "missing": "rows that the clock leaves out",
        "off_picture": "share of the samples found that lie off the picture",
        "fixations": "number kept",
        "too_short": "number of fixations removed because they were too short",
        "saccades": "number",
        "offset_x": "how far gaze was off at the last fixation cross, pixels, taken away from x",
        "offset_y": "the same, from y",
        "width": "of the picture as shown, pixels of the screen",
        "height": "the same",
        "distance": "from the eyes to the screen in cm",
        "validation": "how the tracker's last validation before the trial ended (EyeLink)",
        "clicks": "number of clicks, or of points of the mouse's path",
        "first_click": "ms since the trial began",
        "path": "length of the mouse's path in pixels of the picture",
        "block": "of the experiment",
    }
    | _ANSWER,
    "removed": {
        "participant": "text",
        "image": "name of the picture",
        "what": "trial, fixation, run of samples, ...",
        "reason": "why it was removed or set apart",
        "count": "how many",
    },
    "areas": {
        "expression": "of the picture, or `all`",
        "area": "eyes, brows, nose, mouth, cheeks, forehead, rest, ...",
        "source": "the people, or a network",
        "measure": "fixations, time, clicks, map or attention",
        "share": "of all fixations (time, clicks, mass of the map), 0 to 1",
        "n": "how many fixations, clicks or maps it is taken from",
        "size": "share of the picture's pixels that the area covers",
    },
}
"""Table by table: column by column, what it holds and its unit."""
