"""The bundled network of photographs, and the script that trains it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from xai_compare.models import load
from xai_compare.models.bundled import PHOTOGRAPHIC, WEIGHTS, sidecar
from xai_compare.models.training import default


@pytest.mark.parametrize(
    ("image", "told"),
    [("George_W_Bush_0012.jpg", "George_W_Bush"), ("Dileep_101.jpg", "Dileep"), ("KatrinaKaif_45k.jpg", "KatrinaKaif")],
)
def test_names_of_one_person_share_a_prefix(image: str, told: str) -> None:
    assert default.person(image) == told


def test_shapes_know_neither_place_nor_size() -> None:
    landmarks = np.random.default_rng(0).normal(size=(3, 68, 2))
    np.testing.assert_allclose(default.shapes(landmarks), default.shapes(7 * landmarks + (30, -4)), atol=1e-12)


def test_what_landmarks_say_is_told_by_other_people() -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(5), 12))
    landmarks = rng.normal(size=(60, 68, 2)) + labels[:, None, None] * np.linspace(0, 1, 68)[None, :, None]
    folds = np.arange(60) % 4 + 2
    first = default.wanted(landmarks, labels, folds)
    torch.testing.assert_close(first.sum(1), torch.ones(60))
    changed = labels.copy()
    changed[0] = (changed[0] + 1) % 5
    other = default.wanted(landmarks, changed, folds)
    same_fold = np.flatnonzero(folds == folds[0])[1:]
    torch.testing.assert_close(other[same_fold], first[same_fold])
    assert not torch.allclose(other[folds != folds[0]], first[folds != folds[0]])


def test_an_epoch_is_drawn_from_its_seed() -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (64, 96, 96, 3), np.uint8)
    labels = np.arange(64) % 5
    targets = torch.nn.functional.one_hot(torch.from_numpy(labels), 5).float()
    first, again, other = (
        next(default.fit(images, targets, labels, 1, seed)).predict(default.middle(images[:4])) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_varied_pictures_keep_their_range() -> None:
    pictures = torch.rand(8, 1, 96, 96, generator=torch.Generator().manual_seed(0))
    found = default.disturbed(pictures, 80, torch.Generator().manual_seed(1))
    assert found.shape == (8, 1, 80, 80)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    torch.testing.assert_close(found, default.disturbed(pictures, 80, torch.Generator().manual_seed(1)))


def test_it_comes_with_an_honest_card() -> None:
    assert (WEIGHTS / f"{PHOTOGRAPHIC}.safetensors").stat().st_size < 3_000_000
    card, model = sidecar(PHOTOGRAPHIC), load({"bundled": PHOTOGRAPHIC})
    assert model.classes == tuple(card["classes"]) == default.CLASSES
    assert sum(p.numel() for p in model.module.parameters()) == card["parameters"]
    assert set(card["held_out"]["recall"]) == set(default.CLASSES)
    for key in ("linear_probe_on_landmarks", "independent_test", "made_by"):
        assert key in card


@pytest.mark.slow
def test_smiles_of_people_whom_it_never_saw(shared: Path) -> None:
    """Ten of the London set: well above the half that guessing gives between two classes."""
    told = default.independent(load({"bundled": PHOTOGRAPHIC}), shared / "london", people=10)
    assert told["pictures"] == 20
    assert told["accuracy of happiness against neutral"] > 0.75
