"""Simulated clips: what is planted is there, and the Bayes ceiling is one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xai_compare.emotion import CLASSES, MODALITIES, clip_arrays
from xai_compare.emotion.sampling import Sizes
from xai_compare.errors import InputError
from xai_compare.synthetic import bayes, eye_sequences
from xai_compare.synthetic.clips import (
    LEAKED,
    NEUTRAL,
    SEEN,
    SimulatedClips,
    draw_shown,
    eye_region,
    mouth_region,
    shown_given_reported,
    simulate_clips,
)


@pytest.fixture(scope="module")
def simulated() -> SimulatedClips:
    return simulate_clips(3, 7, seed=1, side=48, frames=2, steps=8)


def test_equal_seeds_give_equal_clips_and_all_say_that_they_are_simulated(simulated: SimulatedClips) -> None:
    again = simulate_clips(3, 7, seed=1, side=48, frames=2, steps=8)
    assert (again.face == simulated.face).all()
    assert (again.eye == simulated.eye).all()
    assert simulated.clips.simulated
    assert simulated.clips.table["simulated"].all()
    assert simulated.clips.table["clip"].str.startswith("simulated").all()
    data = clip_arrays(simulated.clips, sizes=Sizes(2, 8, 48))
    assert data.face is not None
    assert (data.face == simulated.face).all()
    assert len(simulated.clips.eye_features) == data.eye.shape[-1] == 39  # type: ignore[union-attr]


@pytest.mark.parametrize("chances", [SEEN, LEAKED], ids=["seen", "leaked"])
def test_what_is_shown_has_the_chances_that_are_said(chances: tuple[float, float, float]) -> None:
    table = shown_given_reported(chances)
    np.testing.assert_allclose(table.sum(1), 1)
    fear = CLASSES.index("fear")
    assert (table[fear, fear], table[fear, NEUTRAL]) == pytest.approx(chances[:2])
    assert table[NEUTRAL, NEUTRAL] == pytest.approx(chances[0] + chances[1])
    rng = np.random.default_rng(0)
    drawn = draw_shown(np.full(50_000, fear), chances, rng)
    np.testing.assert_allclose(np.bincount(drawn, minlength=7) / 50_000, table[fear], atol=0.01)


def test_the_regions_of_eyes_and_mouth_are_apart(simulated: SimulatedClips) -> None:
    for points in simulated.landmarks[:5, 0]:
        eyes, mouth = (region(points, (48, 48)) for region in (eye_region, mouth_region))
        assert eyes.any()
        assert mouth.any()
        assert not (eyes & mouth).any()
        assert np.argwhere(eyes)[:, 0].mean() < np.argwhere(mouth)[:, 0].mean()


def test_the_likelihood_of_eye_sequences_is_the_gaussian_ones() -> None:
    rng = np.random.default_rng(2)
    reported, person = rng.integers(0, 7, 4), np.arange(4)
    eye, fixation = eye_sequences.draw_sequences(reported, person, 12, rng)
    found = eye_sequences.log_likelihood(eye, fixation)
    x = np.concatenate(
        [(eye[..., :6] - eye_sequences._CENTRE[:6]) / eye_sequences._SCALE[:6], (fixation - 0.5) / 0.08], -1
    )
    effects, rise = eye_sequences.effects(), eye_sequences.rise(12)
    normal = stats.multivariate_normal(np.zeros(12), eye_sequences.covariance(12))
    plain = np.array(
        [[sum(normal.logpdf(x[i, :, k] - effects[c, k] * rise) for k in range(8)) for c in range(7)] for i in range(4)]
    )
    difference = found - plain
    np.testing.assert_allclose(difference - difference[:, :1], 0, atol=1e-3)


def test_drawn_sequences_have_the_covariance_that_the_ceiling_assumes() -> None:
    rng = np.random.default_rng(3)
    n = 20_000
    eye, _ = eye_sequences.draw_sequences(np.zeros(n, int), np.arange(n), 6, rng)
    found = np.cov(eye[..., 7].T)
    np.testing.assert_allclose(found, eye_sequences.covariance(6), atol=0.06)


def test_the_ceiling_is_what_the_best_judge_reaches_on_drawn_clips() -> None:
    rng = np.random.default_rng(4)
    n = 6000
    reported = rng.integers(0, 7, n)
    seen, leaked = draw_shown(reported, SEEN, rng), draw_shown(reported, LEAKED, rng)
    eye, fixation = eye_sequences.draw_sequences(reported, np.arange(n), 32, rng)
    table = bayes.ceilings(n=40_000).set_index(["modalities", "task"])["war"]
    for modalities in (MODALITIES, ("face",), ("eye", "fixation")):
        eyes = eye_sequences.log_likelihood(eye, fixation) if "eye" in modalities else np.zeros((n, 7))
        report, face = bayes.posterior(modalities, seen, leaked, eyes)
        for task, p, truth in (("er", report, reported), ("fer", face, seen)):
            right = (p.argmax(1) == truth).mean()
            assert right == pytest.approx(table[" + ".join(modalities), task], abs=0.02)
    assert table["face", "fer"] == 1
    assert table["face + eye + fixation", "er"] > table["face + eye", "er"] > table["face", "er"]


def test_a_simulation_of_nobody_is_refused() -> None:
    with pytest.raises(InputError, match="a simulation needs people"):
        simulate_clips(0, 20)
