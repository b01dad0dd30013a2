"""Scores, revealed pictures, augmentation and maps against independent implementations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as sk
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from xai_compare import ekman
from xai_compare.agreement import confusion, confusion_correlation
from xai_compare.errors import InputError
from xai_compare.expressions import EXPRESSIONS
from xai_compare.faces import CANONICAL, standardize
from xai_compare.models import InputSpec, Model, cam_head
from xai_compare.models.bundled import ARCHITECTURES
from xai_compare.models.training import click_masks, evaluation, map_loss
from xai_compare.models.training.augmentation import augmentation
from xai_compare.models.training.click_masks import correct_trials, tuning_set
from xai_compare.models.training.config import ClickTuningOptions, MapLossOptions
from xai_compare.models.training.sampling import EpochSampler
from xai_compare.models.training.training_faces import AugmentedFaces

CLASSES = ("anger", "fear", "happiness")
PARK = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")


def answers(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 3, n), rng.dirichlet(np.ones(3), n)


def test_scores_are_those_of_scikit_learn() -> None:
    labels, probabilities = answers()
    table = evaluation.scores(labels, probabilities, CLASSES).set_index(["metric", "expression"])["value"]
    predicted = probabilities.argmax(1)
    assert table["accuracy", "all"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert table["balanced_accuracy", "all"] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    for k, value in enumerate(sk.recall_score(labels, predicted, average=None)):
        assert table["recall", CLASSES[k]] == pytest.approx(value)


def test_the_calibration_error_is_that_of_its_definition() -> None:
    labels, probabilities = answers(200)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    told = 0.0
    for low in np.arange(15) / 15:
        here = (confidence > low) & (confidence <= low + 1 / 15)
        if here.any():
            told += here.mean() * abs(confidence[here].mean() - right[here].mean())
    table = evaluation.scores(labels, probabilities, CLASSES).set_index("metric")["value"]
    assert table["calibration_error"] == pytest.approx(told, abs=1e-6)


def test_a_class_without_pictures_has_no_recall() -> None:
    matrix = confusion(np.array([0, 1, 1]), np.array([0, 1, 0]), range(3))
    np.testing.assert_allclose(matrix[:2], [[1, 0, 0], [0.5, 0.5, 0]])
    assert np.isnan(matrix[2]).all()


def test_mean_and_spread_over_folds() -> None:
    rows = [(str(f), "m", "accuracy", "all", v, 10) for f, v in enumerate((0.5, 0.7, 0.9))]
    table = pd.DataFrame(rows, columns=["fold", "model", "metric", "expression", "value", "n"])
    found = evaluation.spread(table).set_index("fold")["value"]
    assert found["mean"] == pytest.approx(0.7)
    assert found["sd"] == pytest.approx(0.2)


def test_peoples_confusions_are_those_of_the_figure() -> None:
    table = pd.read_csv(evaluation.PEOPLE, index_col=0)
    assert tuple(table.index) == tuple(table.columns) == PARK
    # Two digits are printed, so rows sum to 1 within eight halves of the last.
    assert (table.sum(axis=1) - 1).abs().max() <= 0.04 + 1e-9
    assert table.to_numpy().diagonal().mean() == pytest.approx(0.839, abs=0.002)  # the accuracy that the paper prints
    assert evaluation.people_confusion(EXPRESSIONS).sum(1) == pytest.approx(np.ones(8))


def test_with_the_diagonal_even_random_errors_agree_with_people() -> None:
    people = evaluation.people_confusion(PARK)
    low, high = evaluation.random_errors(people, 0.5, diagonal=True, replicates=300)
    assert 0.8 < low < high < 0.97  # the paper's own r of .80 to .93 lie here
    low, high = evaluation.random_errors(people, 0.5, diagonal=False, replicates=300)
    assert low < 0 < high


def test_the_correlation_without_the_diagonal_is_that_of_the_errors() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 4, 4))
    off = ~np.eye(4, dtype=bool)
    assert confusion_correlation(a, b, diagonal=False) == pytest.approx(np.corrcoef(a[off], b[off])[0, 1])
    assert np.isnan(confusion_correlation(a, np.ones((4, 4)), diagonal=True))


@pytest.mark.parametrize("blur", [70, 7, 1])
def test_the_blur_is_that_of_opencv(blur: int) -> None:
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).integers(0, 256, (90, 110, 3), np.uint8)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    told = cv2.blur(grey, (blur, blur)).astype(int)
    assert np.abs(click_masks.covered(image, blur)[..., 0].astype(int) - told).max() <= 1


def test_discs_are_uncovered_where_people_clicked() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    shown = click_masks.reveal(image, np.array([[10.0, 20.0], [40.0, 5.0]]), 4.0, blur=9)
    y, x = np.mgrid[:40, :50]
    inside = ((x - 10) ** 2 + (y - 20) ** 2 <= 16) | ((x - 40) ** 2 + (y - 5) ** 2 <= 16)
    np.testing.assert_array_equal(shown[inside], image[inside])
    np.testing.assert_array_equal(shown[~inside], click_masks.covered(image, 9)[~inside])


def test_there_are_eight_shifts_by_one_pixel() -> None:
    image = np.random.default_rng(1).integers(0, 256, (30, 30, 3), np.uint8)
    found = click_masks.shifted(image, np.array([[15.0, 15.0]]), 3.0, blur=9)
    assert len(found) == 9
    assert len({one.tobytes() for one in found}) == 9
    np.testing.assert_array_equal(found[1], click_masks.reveal(image, np.array([[14.0, 14.0]]), 3.0, blur=9))


def test_only_correct_trials_of_the_pair_tune_a_network(tmp_path: Path) -> None:
    columns = ["image", "participant", "x", "y", "correct", "false_label"]
    clicks = pd.DataFrame(
        [
            ("a.png", "1", 4, 4, True, "fear"),
            ("a.png", "1", 5, 5, True, "fear"),
            ("a.png", "2", 6, 6, False, "fear"),
            ("a.png", "3", 7, 7, True, "disgust"),
            ("other.png", "1", 4, 4, True, "fear"),
        ],
        columns=columns,
    )
    found = correct_trials(clicks, ["b.png", "a.png"], ["anger", "fear"])
    assert [index for index, _ in found] == [1]
    np.testing.assert_array_equal(found[0][1], [[4, 4], [5, 5]])


def test_the_tuning_set_holds_nine_of_each_trial_and_whole_ones(task: Path) -> None:
    rows = pd.read_csv(task / "labels.csv").query("dataset == 'set0'").reset_index(drop=True)
    rows = rows.assign(path=[str(task / name) for name in rows["image"]], face="", cropped=True)
    clicks = pd.DataFrame({"image": rows["image"][:4].repeat(2), "participant": ["1", "2"] * 4, "x": 9.0, "y": 9.0})
    asked = ClickTuningOptions(clicks=task / "clicks.csv", radius=4.0, blur=9, unmasked=0.5)
    images, labels = tuning_set(rows, clicks, ["anger", "happiness", "surprise"], asked, 1.3, 24, seed=0)
    assert images.shape == (8 * 9 * 3 // 2, 24, 24, 3)
    assert len(labels) == len(images)
    with pytest.raises(InputError, match="no correct trial"):
        tuning_set(rows, clicks.assign(image="x.png"), ["anger"], asked, 1.3, 24, seed=0)


@pytest.mark.parametrize("name", ["gaya_morey", "park_wallraven", "none"])
def test_augmented_pictures_are_the_same_for_the_same_place_and_differ_between_epochs(name: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 30, 30, 3), np.uint8)
    varied = AugmentedFaces(images, np.arange(4), augmentation(name, (24, 24)), seed=3)
    first, label, _ = varied[0, 2]
    assert first.shape == (3, 24, 24)
    assert first.dtype == torch.uint8
    assert label == 2
    torch.manual_seed(99)
    assert torch.equal(first, varied[0, 2][0])
    assert torch.equal(first, varied[1, 2][0]) == (name == "none")


def test_no_augmentation_is_the_middle_of_the_picture() -> None:
    image = torch.arange(30 * 30, dtype=torch.uint8).reshape(1, 30, 30).expand(3, -1, -1)
    assert torch.equal(augmentation("none", (24, 24))(image), image[:, 3:27, 3:27])


def test_maps_move_as_their_pictures_do() -> None:
    picture = np.zeros((1, 60, 60, 3), np.uint8)
    picture[0, 20:32, 14:26] = 200
    maps = picture[..., 0].astype(np.float32) / 200
    steps = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomAffine(10, (0.1, 0.1)), v2.CenterCrop([48, 48])])
    varied = AugmentedFaces(picture, np.zeros(1, int), steps, 0, maps)
    for epoch in range(8):
        moved, _, there = varied[epoch, 0]
        assert (moved[0].float() / 200 - there).abs().mean() < 0.02


def test_gamma_leaves_maps_alone() -> None:
    image, mask = (
        tv_tensors.Image(torch.full((3, 30, 30), 100, dtype=torch.uint8)),
        tv_tensors.Mask(torch.rand(1, 30, 30)),
    )
    _, there = augmentation("gaya_morey", (30, 30)).transforms[1](image, mask)
    assert torch.equal(there, mask)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    order = EpochSampler(9, 1, 2, batch=4)
    first = list(order)
    assert sorted(k for _, k in first[:9]) == list(range(9))
    assert len(first) == len(order) == 10  # nine would leave a last batch of one
    order.set_epoch(1)
    assert [k for _, k in order] != [k for _, k in first]
    order.set_epoch(0)
    assert list(order) == first


def network(classes: tuple[str, ...] = CLASSES) -> Model:
    torch.manual_seed(0)
    module = ARCHITECTURES["compact"](len(classes), 4)
    return Model("compact", classes, module, module.input)


def test_the_networks_map_is_cam_where_there_is_a_cam_head() -> None:
    model = network()
    head = cam_head(model)
    assert head is not None
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    labels = torch.tensor([0, 2, 1])
    out, node = map_loss.run_with_layer(model, model.prepare(images), head.layer)
    found = map_loss.network_maps(model, out, node, labels, by="cam")
    told = head.maps(node)[torch.arange(3), labels]
    torch.testing.assert_close(found, told.to(found), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("by", ["cam", "gradients"])
def test_the_term_pulls_the_map(by: str) -> None:
    model = network()
    term = map_loss.MapLoss(model, MapLossOptions(maps="ekman", by=by))
    batch = model.prepare(np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8))
    labels = torch.tensor([0, 1, 2, 0])
    targets = torch.zeros(4, 64, 64)
    targets[:, 40:60, 10:50] = 1.0
    optimizer = torch.optim.Adam(model.module.parameters(), lr=0.01)
    values = []
    for _ in range(15):
        out, node = term.run(batch)
        loss = term(out, node, labels, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    assert values[-1] < values[0] - 0.05


def test_pictures_without_a_map_are_not_pulled() -> None:
    model = network()
    term = map_loss.MapLoss(model, MapLossOptions(maps="ekman"))
    out, node = term.run(model.prepare(np.zeros((2, 64, 64, 3), np.uint8)))
    assert term(out, node, torch.tensor([0, 1]), torch.full((2, 64, 64), np.nan)).item() == 0.0


def test_maps_carried_to_pictures_come_back_onto_the_standard_face() -> None:
    maps = map_loss.target_maps("ekman", ["happiness"])
    points = CANONICAL[:68] * 0.5 + (12.0, 6.0)
    there = map_loss.onto_pictures(maps, ["happiness", "neutral"], np.stack([points, points]), 150)
    assert np.isnan(there[1]).all()
    back = standardize(there[:1], points[None])[0]
    assert np.corrcoef(back.ravel(), maps["happiness"].ravel())[0, 1] > 0.98


def test_the_control_maps_are_what_they_say() -> None:
    classes = ["anger", "happiness", "neutral", "surprise"]
    own, other, prior, noise = (map_loss.target_maps(kind, classes) for kind in ("ekman", "other", "prior", "random"))
    assert set(own) == set(other) == set(prior) == set(noise) == {"anger", "happiness", "surprise"}
    np.testing.assert_array_equal(other["anger"], own["happiness"])
    np.testing.assert_array_equal(prior["anger"], prior["surprise"])
    assert abs(np.corrcoef(noise["anger"].ravel(), noise["surprise"].ravel())[0, 1]) < 0.6
    inside = ekman.mask("anger")
    assert own["anger"][inside].mean() > own["anger"][~inside].mean() + 0.3
    assert map_loss.agreement(own, own) == pytest.approx(dict.fromkeys(own, 1.0))


def test_bad_folders_of_maps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no map of any class"):
        map_loss.target_maps(str(tmp_path), ["anger"])
    np.save(tmp_path / "anger.npy", np.zeros((4, 4)))
    with pytest.raises(InputError, match="275 x 224"):
        map_loss.target_maps(str(tmp_path), ["anger"])


def test_mean_maps_lie_on_the_standard_face() -> None:
    model = Model(
        "m",
        CLASSES,
        nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        InputSpec((64, 64), "grey"),
    )
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    points = np.repeat((CANONICAL[:68] * 0.2 + 8.0)[None], 3, 0)
    found = map_loss.mean_maps(model, images, points, ["anger", "fear", "anger"])
    assert set(found) == {"anger", "fear"}
    assert found["anger"].shape == (275, 224)
