"""The bundled network of photographs, and the script that trains it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from tools import photographic_branches, train_photographic
from xai_compare.faces.canonical import MIRRORED
from xai_compare.models import Model, load
from xai_compare.models.bundled import PHOTOGRAPHIC, WEIGHTS, sidecar
from xai_compare.models.training.training_faces import TrainingFaces


@pytest.mark.parametrize(
    ("image", "told"),
    [("George_W_Bush_0012.jpg", "George_W_Bush"), ("Dileep_101.jpg", "Dileep"), ("KatrinaKaif_45k.jpg", "KatrinaKaif")],
)
def test_names_of_one_person_share_a_prefix(image: str, told: str) -> None:
    assert train_photographic.person(image) == told


def test_shapes_know_neither_place_nor_size() -> None:
    landmarks = np.random.default_rng(0).normal(size=(3, 68, 2))
    np.testing.assert_allclose(
        train_photographic.landmark_shapes(landmarks),
        train_photographic.landmark_shapes(7 * landmarks + (30, -4)),
        atol=1e-12,
    )


def test_what_landmarks_say_is_told_by_other_people() -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(5), 12))
    landmarks = rng.normal(size=(60, 68, 2)) + labels[:, None, None] * np.linspace(0, 1, 68)[None, :, None]
    folds = np.arange(60) % 4 + 2
    first = train_photographic.soft_targets(landmarks, labels, folds)
    torch.testing.assert_close(first.sum(1), torch.ones(60))
    changed = labels.copy()
    changed[0] = (changed[0] + 1) % 5
    other = train_photographic.soft_targets(landmarks, changed, folds)
    same_fold = np.flatnonzero(folds == folds[0])[1:]
    torch.testing.assert_close(other[same_fold], first[same_fold])
    assert not torch.allclose(other[folds != folds[0]], first[folds != folds[0]])


def branch(seed: int) -> Model:
    rng = np.random.default_rng(1)
    images, landmarks = rng.integers(0, 256, (64, 96, 96, 3), np.uint8), rng.uniform(8, 88, (64, 68, 2))
    labels = np.arange(64) % 5
    targets = torch.nn.functional.one_hot(torch.from_numpy(labels), 5).float()
    torch.manual_seed(seed)
    return photographic_branches.fit(
        train_photographic.network(1), images, landmarks, targets, labels, epochs=1, seed=seed
    )


def test_an_epoch_is_drawn_from_its_seed() -> None:
    images = np.random.default_rng(2).integers(0, 256, (4, 80, 80, 3), np.uint8)
    first, again, other = (branch(seed).predict(images) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_branches_side_by_side_give_the_mean_of_their_logits() -> None:
    images = np.random.default_rng(2).integers(0, 256, (4, 80, 80, 3), np.uint8)
    parts = [branch(seed) for seed in (3, 4)]
    fitted = np.array([1.5, 0.1, -0.2, 0.3, 0.0, 0.4])
    batch = parts[0].prepare(images)
    with torch.no_grad():
        told = photographic_branches.join_branches(parts, fitted).module(batch)
        mean = torch.stack([part.module(batch) for part in parts]).mean(0)
    torch.testing.assert_close(told, mean * 1.5 + torch.from_numpy(fitted[1:]).float(), atol=1e-5, rtol=1e-5)


def test_nobody_is_answered_by_a_branch_that_learned_from_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    labels, folds = np.tile(np.arange(5), 32), np.repeat(np.arange(2, 6), 40)
    rows = pd.DataFrame({"expression": [train_photographic.CLASSES[k] for k in labels]})
    images = rng.integers(0, 256, (160, 96, 96, 3), np.uint8)
    found = TrainingFaces(images, rng.uniform(8, 88, (160, 68, 2)).astype(np.float32), rows, [])
    monkeypatch.setattr(photographic_branches, "calibrate", lambda logits, labels: np.array([1.0, 0, 0, 0, 0, 0]))
    model, told = train_photographic.train(found, labels, folds, 1, 3)
    np.testing.assert_allclose(told.sum(1), 1)
    assert len(list(model.module.get_submodule("features.columns").children())) == 4
    other = np.where(folds == 3, labels[::-1], labels)
    changed = train_photographic.train(found, other, folds, 1, 3)[1]
    np.testing.assert_array_equal(changed[folds == 3], told[folds == 3])
    assert all(np.abs(changed - told)[folds == fold].max() > 0 for fold in (2, 4, 5))


def test_calibration_finds_the_factor_and_the_biases() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 3))
    labels = (logits - logits.max() - np.log(-np.log(rng.uniform(size=logits.shape)))).argmax(1)  # Gumbel's trick
    spoilt = (logits - [0.0, 1.0, -1.0]) / 0.5
    fitted = photographic_branches.calibrate(spoilt, labels)
    assert fitted[0] == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(fitted[1:] - fitted[1:].mean(), [0.0, 1.0, -1.0], atol=0.1)


def test_varied_pictures_keep_their_range() -> None:
    pictures = torch.rand(8, 1, 96, 96, generator=torch.Generator().manual_seed(0))
    first, again = (torch.Generator().manual_seed(1) for _ in range(2))
    found, same = (
        photographic_branches.augment(pictures, photographic_branches.random_affine(one, 8, 80 / 96)[0], 80, one)
        for one in (first, again)
    )
    assert found.shape == (8, 1, 80, 80)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    torch.testing.assert_close(found, same)


def test_landmarks_are_carried_where_the_picture_is() -> None:
    """A bright dot at each of a few landmarks is found again where the landmark is carried."""
    n, side, draws = 40, 96, torch.Generator().manual_seed(5)
    points = torch.rand(n, 68, 2, generator=draws) - 0.5
    grids, mirrored = photographic_branches.random_affine(draws, n, 80 / side)
    assert 0 < int(mirrored.sum()) < n
    there = photographic_branches.move_landmarks(points, grids, mirrored)
    ys, xs = torch.meshgrid(*(((torch.arange(side) + 0.5) / side * 2 - 1,) * 2), indexing="ij")
    for number in (0, 8, 36, 54):
        was = points[torch.arange(n), torch.where(mirrored, MIRRORED[number], number)]
        dot = torch.exp(-((xs - was[:, :1, None]) ** 2 + (ys - was[:, 1:, None]) ** 2) / 0.005)[:, None]
        grid = functional.affine_grid(grids, [n, 1, 80, 80], align_corners=False)
        moved = functional.grid_sample(dot, grid, align_corners=False)
        brightest = moved.flatten(1).argmax(1)
        found = torch.stack([brightest % 80, brightest // 80], 1)
        wanted = (there[:, number] + 1) * 40 - 0.5
        assert float((found - wanted).abs().max()) < 1.5


def test_a_face_mirrored_twice_is_the_face() -> None:
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(68))


def test_it_comes_with_an_honest_card() -> None:
    assert (WEIGHTS / f"{PHOTOGRAPHIC}.safetensors").stat().st_size < 3_000_000
    card, model = sidecar(PHOTOGRAPHIC), load({"bundled": PHOTOGRAPHIC})
    assert model.classes == tuple(card["classes"]) == train_photographic.CLASSES
    assert sum(p.numel() for p in model.module.parameters()) == card["parameters"]
    assert set(card["held_out"]["recall"]) == set(train_photographic.CLASSES)
    assert card["held_out"]["balanced_accuracy"] > 0.7
    for key in ("linear_probe_on_landmarks", "cross_validated", "independent_test", "made_by"):
        assert key in card


@pytest.mark.slow
def test_smiles_of_people_whom_it_never_saw(shared: Path) -> None:
    """Twenty of the London set: well above the half that guessing gives between two classes (it is 0.87 of all)."""
    told = train_photographic.london_test(load({"bundled": PHOTOGRAPHIC}), shared / "london", people=20)
    assert told["pictures"] == 40
    assert told["accuracy of happiness against neutral"] > 0.7
