"""Blinks, losses and pupils: planted ones, and those of real recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xai_compare.emotion.eyes import EYE_FEATURES, eye_samples, prepared_trials
from xai_compare.errors import InputError
from xai_compare.human import read_gaze
from xai_compare.human.gaze.trial import Trial
from xai_compare.human.screen import Placement

PUPIL, BLINK, LOST, SPEED = range(len(EYE_FEATURES))


def trial(n: int = 600, **changes: object) -> Trial:
    """Two seconds at 300 Hz on a picture 100 by 200, drifting to the right by 30 pixels a second."""
    time = np.arange(n) * 1000 / 300
    values = {
        "participant": "p",
        "image": "film",
        "number": 1,
        "time": time,
        "x": 20 + 0.03 * time,
        "y": np.full(n, 50.0),
        "pupil": 3 + 0.0005 * time,
        "placement": Placement(0, 0, 100, 200),
    }
    return Trial(**{**values, **changes})  # type: ignore[arg-type]


def lost(one: Trial, *runs: tuple[int, int]) -> Trial:
    for start, stop in runs:
        for values in (one.x, one.y, one.pupil):
            values[start:stop] = np.nan
    return one


def test_a_blink_stays_missing_and_a_loss_of_the_tracker_is_bridged() -> None:
    # 30 samples are 100 ms: a blink. 6 are 20 ms and 180 are 600 ms: losses of the tracker.
    eye, gaze = eye_samples(lost(trial(), (100, 130), (200, 206), (300, 480)))
    assert eye[:, BLINK].sum() == 30
    assert eye[:, LOST].sum() == 186
    assert np.isnan(gaze[100:130]).all()
    np.testing.assert_allclose(gaze[200:206, 0], (20 + 0.03 * trial().time[200:206]) / 100, rtol=1e-5)
    assert np.isfinite(np.delete(gaze, np.s_[100:130], 0)).all()


def test_of_the_pupil_the_change_is_taken() -> None:
    eye, _ = eye_samples(lost(trial(), (100, 130)))
    known = np.delete(eye[:, PUPIL], np.s_[100:131])
    assert known[0] == 0
    np.testing.assert_allclose(known[1:], 0.0005 * 1000 / 300, rtol=1e-3)
    assert np.isnan(eye[100:131, PUPIL]).all()


def test_speed_is_in_widths_of_the_picture_per_second() -> None:
    eye, gaze = eye_samples(trial())
    np.testing.assert_allclose(eye[1:, SPEED], 30 / 100, rtol=1e-4)
    assert gaze[0].tolist() == pytest.approx([0.2, 0.25])


def test_edges_of_blinks_can_be_taken_to_belong_to_them() -> None:
    one = lost(trial(), (100, 130))
    one.pupil[97:100] -= 0.2
    plain, _ = eye_samples(one)
    masked, _ = eye_samples(one, edge_ms=20)
    assert np.nanmin(plain[:, PUPIL]) < -0.19
    assert np.nanmin(masked[:, PUPIL]) >= 0
    assert masked[:, BLINK].sum() == 30 + 12


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"placement": None}, "p, film: the size of the picture on the screen is not known"),
        ({"time": np.zeros(600)}, "p, film: the clock stands still"),
    ],
)
def test_trials_that_cannot_be_used_are_refused_in_one_line(changes: dict[str, object], line: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*$") as problem:
        eye_samples(trial(**changes))
    assert line in str(problem.value)


def test_real_blinks_and_pupils(shared: Path) -> None:
    table = read_gaze(shared / "uniss_fgd" / "063.csv.gz", format="tobii")
    found = list(prepared_trials([table]))
    assert len(found) == 20
    eye = np.concatenate([one for _, one, _ in found])
    minutes = sum(one.time[-1] - one.time[0] for one, _, _ in found) / 60_000
    blinks = sum(int((np.diff(one[:, BLINK], prepend=0) == 1).sum()) for _, one, _ in found)
    # People who look at pictures blink some 4 to 20 times a minute.
    assert 4 < blinks / minutes < 20
    assert 0.005 < np.nanstd(eye[:, PUPIL]) < 0.03
    gaze = np.concatenate([one for _, _, one in found])
    assert np.nanmedian(gaze, 0) == pytest.approx([0.5, 0.5], abs=0.15)
    edges = np.concatenate([eye_samples(one, edge_ms=50)[0] for one, _, _ in found])
    assert (np.abs(edges[:, PUPIL]) > 0.1).sum() < (np.abs(eye[:, PUPIL]) > 0.1).sum()
