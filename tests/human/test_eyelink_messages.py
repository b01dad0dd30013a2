"""EyeLink: when and what a picture is, by the messages of the trial; columns beside those of the eyes."""

import numpy as np
import pytest

from xai_compare.errors import InputError
from xai_compare.human import Placement, Screen, events, read_gaze

SCREEN = Screen((1280, 1024), (38.0, 30.4), 60.0)
BEFORE, SHOWN = (200.0, 150.0), (700.0, 600.0)


def _recording(path, messages, *, samples="", further="", eyes=1, flags="..."):
    """Two trials of 1 s before and 1 s after the onset at 1000 ms; ``messages`` of (ms in the trial, text)."""
    lines = ["** CONVERTED FROM P1.edf using edfapi 4.2.1", "** EYELINK II CL v5.15 Jan 24 2018", "**"]
    side = "LEFT" if eyes == 1 else "LEFT\tRIGHT"
    for number, begin in enumerate((100_000, 105_000), start=1):
        sent = [(0, f"TRIALID {number}"), (0, "GAZE_COORDS 0.00 0.00 1279.00 1023.00"), *messages]
        lines += [f"MSG\t{begin + at} {text}" for at, text in sent if at <= 0]
        lines += [f"START\t{begin}\t{side}\tSAMPLES\tEVENTS", "PUPIL\tAREA",
                  f"SAMPLES\tGAZE\t{side}\t{samples}RATE\t500.00\tTRACKING\tCR\tFILTER\t2"]  # fmt: skip
        for time in range(0, 2000, 2):
            x, y = BEFORE if time < 1000 else SHOWN
            lines += [f"MSG\t{begin + at} {text}" for at, text in sent if time - 2 < at <= time and at > 0]
            eye = f"{x:.1f}\t{y:.1f}\t900.0\t"
            lines.append(f"{begin + time}\t{eye * eyes}{further}{flags}")
        lines += [f"END\t{begin + 2000}\tSAMPLES\tEVENTS\tRES\t26.00\t26.00", f"MSG\t{begin + 2004} TRIAL_RESULT 0"]
    path.write_text("\n".join(lines) + "\n")
    return path


def _fixations(path):
    samples = read_gaze(path, placement=Placement(0, 0, 1280, 1024))
    return events(samples, screen=SCREEN).fixations


@pytest.mark.parametrize(
    "messages",
    [
        [(1003, "3 SYNCTIME"), (1900, "!V TRIAL_VAR image a.jpg")],
        [(1003, "3 SYNCTIME"), (1003, "3 !V IMGLOAD FILL a.jpg")],
        [(1003, "3 !V IMGLOAD FILL a.jpg")],
        [(996, "-4 SYNCTIME"), (1900, "!V TRIAL_VAR image a.jpg")],
        [(0, "!V IMGLOAD FILL a.jpg"), (1000, "SYNCTIME")],
        [(1000, "SYNCTIME"), (1000, "!V IMGLOAD FILL a.jpg")],
        [(1000, "SYNCTIME"), (1006, "!V IMGLOAD FILL a.jpg")],
        [(1000, "stimulus onset"), (1900, "!V TRIAL_VAR image a.jpg")],
        [(0, "picture: a.jpg"), (1000, "DISPLAY ON")],
    ],
)
def test_a_picture_begins_with_its_own_message(tmp_path, messages):
    table = _fixations(_recording(tmp_path / "P1.asc", messages))
    assert table["image"].tolist() == ["a.jpg"] * 2
    np.testing.assert_allclose(table[["x", "y"]], [SHOWN] * 2)
    np.testing.assert_allclose(table["duration"], 1000, atol=6)


@pytest.mark.parametrize(
    ("message", "image"),
    [
        ("!V IMGLOAD TOP_LEFT my face.jpg 0 0 1280 1024", "my face.jpg"),
        ("!V IMGLOAD FILL my face.jpg", "my face.jpg"),
        ("!V TRIAL_VAR image my face", "my face"),
        ("image my face.jpg", "my face.jpg"),
        ("picture: face", "face"),
        ("stimulus face01", "face01"),
        ("stimulus onset", "1"),
        ("image loaded in 3 ms", "1"),
        ("stimulus: off", "1"),
    ],
)
def test_what_names_a_picture(tmp_path, message, image):
    assert _fixations(_recording(tmp_path / "P1.asc", [(0, message)]))["image"].iloc[0] == image


def test_pictures_that_follow_one_another_in_a_trial(tmp_path):
    messages = [(0, "!V IMGLOAD FILL cross.png"), (1000, "!V IMGLOAD FILL a.jpg")]
    table = _fixations(_recording(tmp_path / "P1.asc", messages))
    assert table["image"].tolist() == ["cross.png", "a.jpg"] * 2
    np.testing.assert_allclose(table[["x", "y"]], [BEFORE, SHOWN] * 2)
    assert table["trial"].tolist() == [1, 2, 3, 4]


def test_pictures_side_by_side_are_refused(tmp_path):
    messages = [(0, f"!V IMGLOAD TOP_LEFT {name} {left} 0 600 600") for name, left in (("a.jpg", 0), ("b.jpg", 640))]
    with pytest.raises(InputError, match=r"shows 'a.jpg' and 'b.jpg' side by side"):
        _fixations(_recording(tmp_path / "P1.asc", [*messages, (1000, "SYNCTIME")]))


@pytest.mark.parametrize(
    "columns",
    [
        {"samples": "HTARGET\t", "further": "127.0\t... \t4583.0\t6891.0\t575.3\t", "flags": "............."},
        {"samples": "VEL\tRES\t", "further": "1.5\t-2.5\t26.10\t25.90\t"},
        {"samples": "VEL\t", "further": "1.5\t-2.5\t1.5\t-2.5\t", "eyes": 2, "flags": "....."},
    ],
)
def test_columns_beside_those_of_the_eyes(tmp_path, columns):
    messages = [(0, "!V IMGLOAD FILL a.jpg")]
    plain = _fixations(_recording(tmp_path / "P1.asc", messages))
    wide = _fixations(_recording(tmp_path / "P1.asc", messages, **columns))
    np.testing.assert_array_equal(wide[["x", "y", "onset", "duration"]], plain[["x", "y", "onset", "duration"]])
