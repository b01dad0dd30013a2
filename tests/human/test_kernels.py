"""The fitted kernel finds the width and mixture that were planted; choices of points."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from xai_compare.errors import InputError
from xai_compare.human import read_fixations
from xai_compare.human.kernels import _densities, _picture, face_priors, fit_kernel, select

SHAPE = (200, 240)


def simulated(spread, share, seed=0, people=14, points=12, images=6):
    """Simulated: each picture has three places, gaze scatters around them, and a share of it lies anywhere."""
    rng = np.random.default_rng(seed)
    rows = []
    for image in range(images):
        places = rng.uniform((40, 40), (200, 160), (3, 2))
        for person in range(people):
            at = places[rng.integers(0, 3, points)] + rng.normal(0, spread, (points, 2))
            anywhere = rng.random(points) < share
            at[anywhere] = rng.uniform((0, 0), (239, 199), (anywhere.sum(), 2))
            rows += [{"participant": str(person), "image": str(image), "x": x, "y": y} for x, y in at]
    return pd.DataFrame(rows)


def shapes(frame):
    return dict.fromkeys(frame["image"].unique(), SHAPE)


def test_planted_mixture_is_found():
    frame = simulated(spread=6.0, share=0.3)
    found = fit_kernel(frame, shapes(frame), fixed_sigma=30.0)
    assert found.uniform == pytest.approx(0.3, abs=0.1)
    assert found.prior == 0
    # A density estimate from few points is a little narrower than the scatter itself.
    assert 3 < found.sigma < 7
    assert found.gain > 0.2


def test_what_cannot_be_predicted_is_uniform():
    frame = simulated(spread=5.0, share=1.0)
    found = fit_kernel(frame, shapes(frame), fixed_sigma=10.0)
    assert found.bits == pytest.approx(0, abs=0.05)
    assert found.fixed_bits < -0.1


def test_a_prior_that_tells_is_used():
    frame = simulated(spread=8.0, share=0.0, people=2, points=3)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    priors = {}
    for image, own in frame.groupby("image"):
        total = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 200) for a, b in own[["x", "y"]].to_numpy())
        priors[image] = total / total.sum()
    without = fit_kernel(frame, shapes(frame), 20.0)
    found = fit_kernel(frame, shapes(frame), 20.0, priors)
    assert found.prior > 0.5
    assert found.bits > without.bits


def test_density_of_the_others_by_hand():
    own = pd.DataFrame({"participant": ["a", "b", "b"], "x": [20.0, 22.0, 150.0], "y": [30.0, 31.0, 100.0]})
    one = _picture(own, SHAPE, None, np.random.default_rng(0))
    sigma = 4.0
    by_hand = np.mean(
        [multivariate_normal((x, y), sigma**2).pdf((20.0, 30.0)) for x, y in ((22.0, 31.0), (150.0, 100.0))]
    )
    assert _densities([one], sigma)[0, 0] / (SHAPE[0] * SHAPE[1]) == pytest.approx(by_hand, rel=1e-6)


def test_one_person_cannot_be_left_out():
    frame = simulated(5.0, 0.1, people=1)
    with pytest.raises(InputError, match="no picture has points of two people"):
        fit_kernel(frame, shapes(frame), 10.0)


def test_real_fixations_gain(shared):
    """OSIE: fitting tells some 11 % more of where people look than one degree (24 px) does."""
    frame = read_fixations(shared / "osie_bubbleview" / "osie-eye-official.mat", format="osie")
    found = fit_kernel(frame, dict.fromkeys(frame["image"].unique(), (480, 640)), 24.0)
    assert 0.05 < found.gain < 0.2
    assert 8 < found.sigma < 18


def test_select():
    points = pd.DataFrame({"order": [1, 2, 3], "onset": [0.0, 300.0, 700.0], "x": 1.0})
    assert select(points, first=2)["order"].tolist() == [1, 2]
    assert select(points, orders=(2, 3))["order"].tolist() == [2, 3]
    assert select(points, between_ms=(300, 700))["order"].tolist() == [2]
    with pytest.raises(InputError, match="none of 3 points is left"):
        select(points, between_ms=(800, 900))
    with pytest.raises(InputError, match="no column 'order'"):
        select(points.drop(columns="order"), first=1)


def test_priors_come_from_other_faces_brought_onto_this_one():
    from xai_compare.faces import CANONICAL

    base = CANONICAL[:68] * 0.5
    landmarks = {"a": base + 20, "b": base * 1.4 + (60, 10), "c": base + 5}
    eye = {name: points[36:42].mean(0) for name, points in landmarks.items()}
    frame = pd.DataFrame(
        [{"participant": "p", "image": name, "x": eye[name][0], "y": eye[name][1]} for name in ("a", "b")]
    )
    priors = face_priors(frame, dict.fromkeys("abcd", SHAPE), landmarks, 3.0)
    assert sorted(priors) == ["a", "b", "c"]  # Of d no landmarks are known.
    for name, values in priors.items():
        y, x = np.unravel_index(values.argmax(), values.shape)
        np.testing.assert_allclose((x, y), eye[name], atol=1)
        assert values.sum() == pytest.approx(1, rel=1e-5)
