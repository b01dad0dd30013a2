"""Whole trainings on a tiny task: resumed exactly, evaluated, refused where they must be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny_task import CLASSES, asked, tiny, write_pictures

from xai_compare.errors import InputError
from xai_compare.models import InputSpec, Model, load
from xai_compare.models.training import Training, train
from xai_compare.models.training.classifier import ClassifierModule
from xai_compare.models.training.trainer import Length, class_weights, fit, undersampled


class KilledError(Exception):
    """Stands for the end of the process."""


def fresh() -> Model:
    torch.manual_seed(0)
    return Model("tiny", CLASSES, tiny(3), InputSpec((20, 20), "grey"))


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (37, 24, 24, 3), np.uint8), rng.integers(0, 3, 37)


def config_for(**more: object) -> Training:
    return Training.parse(
        {
            "network": {},
            "data": {"manifest": "x.csv"},
            "epochs": 5,
            "batch_size": 8,
            "accelerator": "cpu",
            "optimizer": {"name": "adamw", "lr": 0.01, "schedule": "one_cycle"},
            **more,
        }
    )


def test_a_training_killed_three_times_ends_with_the_weights_of_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = data()
    whole, broken = fresh(), fresh()
    history = fit(whole, images, labels, config_for(), Length(5), tmp_path / "whole", seed=4)
    step, steps = ClassifierModule.training_step, {"left": 0}

    def fragile(self: ClassifierModule, batch: object, batch_idx: int) -> torch.Tensor:
        steps["left"] -= 1
        if steps["left"] < 0:
            raise KilledError
        return step(self, batch, batch_idx)

    monkeypatch.setattr(ClassifierModule, "training_step", fragile)
    for survives in (3, 7, 12):
        steps["left"] = survives
        with pytest.raises(KilledError):
            fit(fresh(), images, labels, config_for(), Length(5), tmp_path / "broken", seed=4)
    steps["left"] = 10**6
    resumed = fit(broken, images, labels, config_for(), Length(5), tmp_path / "broken", seed=4)
    assert resumed == history
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, broken.module.state_dict()[name]), name


@pytest.mark.slow
def test_a_process_killed_three_times_ends_with_the_weights_of_an_unbroken_one(task: Path, tmp_path: Path) -> None:
    (task / "train.yaml").write_text(yaml.safe_dump(asked(task, epochs=25)), "utf-8")
    code = (
        "import sys; from xai_compare.models.training import Training, train; "
        "asked = Training.load(sys.argv[1]); asked.allow_code(True); train(asked, sys.argv[2])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(task), *sys.path]), "OMP_NUM_THREADS": "1"}

    def start(out: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", code, str(task / "train.yaml"), str(out)], env=environment)

    assert start(tmp_path / "whole").wait(120) == 0
    kills = 0
    for _ in range(3):
        process = start(tmp_path / "broken")
        checkpoint, before = tmp_path / "broken" / "fold_1" / "last.ckpt", None
        if checkpoint.is_file():
            before = checkpoint.stat().st_mtime_ns
        while process.poll() is None:
            if checkpoint.is_file() and checkpoint.stat().st_mtime_ns != before:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.002)
        process.wait(30)
    assert kills == 3
    assert start(tmp_path / "broken").wait(120) == 0
    one, other = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns_and_writes_what_it_says(task: Path, tmp_path: Path) -> None:
    config = Training.parse(asked(task, epochs=12, only_folds=None))
    out = train(config, tmp_path / "out")
    metrics = pd.read_csv(out / "metrics.csv")
    mean = metrics[(metrics["fold"] == "mean") & (metrics["metric"] == "accuracy")]["value"].item()
    folds = metrics[metrics["fold"].isin(["1", "2"]) & (metrics["metric"] == "accuracy")]["value"]
    assert mean == pytest.approx(folds.mean(), abs=1e-6)
    assert mean > 0.9
    card = json.loads((out / "card.json").read_text("utf-8"))
    assert card["classes"] == list(CLASSES)
    assert card["folds"] == ["fold_1", "fold_2"]
    table = pd.read_csv(out / "folds.csv")
    assert (table.groupby(["dataset", "subject"])["fold"].nunique() == 1).all()
    for name in ("curves.png", "confusions.png", "calibration_multiclass.png"):
        assert (out / "figures" / name).stat().st_size > 1000
    spec = {
        "factory": "tinynet:tiny",
        "weights": str(out / "weights.safetensors"),
        "classes": card["classes"],
        "input": {key: value for key, value in card["input"].items() if value is not None},
    }
    model = load({**spec, "folder": str(task)}, allow_code=True)
    assert sum(p.numel() for p in model.module.parameters()) == card["parameters"]


def test_pairs_become_one_classifier_by_both_votes(task: Path, tmp_path: Path) -> None:
    network = {"factory": "tinynet:pair", "input": {"size": 20, "channels": "grey", "range": [0, 1]}}
    config = Training.parse(asked(task, epochs=12, network=network, pairs=True, multiclass=False))
    out = train(config, tmp_path / "out")
    metrics = pd.read_csv(out / "metrics.csv")
    accuracy = metrics[(metrics["metric"] == "accuracy") & (metrics["fold"] == "1")].set_index("model")["value"]
    assert set(accuracy.index) == {"pairs, simple vote", "pairs, weighted vote"}
    assert accuracy.min() > 0.85
    assert len(list((out / "fold_1" / "pairs").iterdir())) == 3


def test_it_stops_when_the_training_accuracy_is_reached(tmp_path: Path, task: Path) -> None:
    config = Training.parse(
        asked(task, epochs=None, until_accuracy=0.9, max_epochs=60, optimizer={"name": "adamw", "lr": 0.02})
    )
    out = train(config, tmp_path / "out")
    accuracy = pd.read_csv(out / "curves.csv")["accuracy"]
    assert accuracy.iloc[-1] >= 0.9
    assert (accuracy.iloc[:-1] < 0.9).all()
    assert len(accuracy) < 60


def test_class_weights_are_those_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array([0] * 5 + [1] * 2 + [2] * 9)
    told = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(class_weights(labels, 3), told, rtol=1e-6)


def test_undersampling_leaves_as_many_of_each_class() -> None:
    labels = np.array([0] * 5 + [1] * 2 + [0] * 9)
    kept = undersampled(labels, 7)
    assert np.bincount(labels[kept]).tolist() == [2, 2]
    assert len(set(kept)) == 4


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"optimizer": {"name": "sgd", "lr": 1e30}}, "the loss is not finite"),
        ({"classes": ["anger", "fear"]}, "no picture shows fear"),
        ({"folds": 30}, "8 people for 30 folds"),
        ({"folds": "split"}, "neither train nor test"),
        ({"only_folds": [5]}, "there is no fold 5"),
        ({"epochs": None}, "how long to train is not said"),
        ({"accelerator": "abacus"}, "Lightning refuses these devices"),
    ],
    ids=["NaN loss", "class not shown", "too few people", "no split", "no such fold", "no length", "no such device"],
)
def test_bad_trainings_end_in_one_line(task: Path, tmp_path: Path, more: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        train(Training.parse(asked(task, **more)), tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out" / "weights.safetensors").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"epoch": 3}, "unknown key 'epoch'; did you mean 'epochs'"),
        ({"optimizer": {"learning_rate": 1}}, "unknown key 'optimizer.learning_rate'"),
        ({"until_accuracy": 0.9}, "say either `epochs` or `until_accuracy`"),
        ({"classes": ["anger"]}, "at least two different"),
        ({"folds": 1}, "folds must be 2 or more"),
    ],
    ids=["misspelt", "misspelt inside", "both lengths", "one class", "one fold"],
)
def test_bad_keys_are_named(task: Path, more: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Training.parse(asked(task, **more))


def test_a_repeated_key_is_refused(task: Path) -> None:
    (task / "train.yaml").write_text(yaml.safe_dump(asked(task)) + "epochs: 3\n", "utf-8")
    with pytest.raises(InputError, match="the key 'epochs' is there twice"):
        Training.load(task / "train.yaml")


def test_another_training_in_the_folder_is_not_overwritten(task: Path, tmp_path: Path) -> None:
    out = train(Training.parse(asked(task, epochs=1)), tmp_path / "out")
    before = (out / "weights.safetensors").read_bytes()
    with pytest.raises(InputError, match="another training is in this folder"):
        train(Training.parse(asked(task, epochs=2)), out)
    assert (out / "weights.safetensors").read_bytes() == before


def test_a_folder_with_other_files_is_not_used(task: Path) -> None:
    with pytest.raises(InputError, match="the folder is not empty"):
        train(Training.parse(asked(task)), task)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    images, labels = data()
    fit(fresh(), images, labels, config_for(), Length(1), tmp_path, seed=4)
    other = Model(
        "other", CLASSES, torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(400, 3)), InputSpec((20, 20), "grey")
    )
    with pytest.raises(InputError, match="not one of this network"):
        fit(other, images, labels, config_for(), Length(2), tmp_path, seed=4)


def test_weights_of_other_classes_are_refused(task: Path, tmp_path: Path) -> None:
    out = train(Training.parse(asked(task, epochs=1)), tmp_path / "out")
    network = {**asked(task)["network"], "weights": str(out / "weights.safetensors")}  # type: ignore[dict-item]
    config = Training.parse(asked(task, network=network, classes=["happiness", "anger", "surprise"]))
    with pytest.raises(InputError, match="trained for anger, happiness, surprise, not for happiness"):
        train(config, tmp_path / "again")


def test_several_manifests_make_one_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        write_pictures(tmp_path / name, people=4, datasets=1)
    monkeypatch.syspath_prepend(str(tmp_path / "a"))
    sources = [{"manifest": str(tmp_path / name / "labels.csv"), "cropped": True} for name in ("a", "b")]
    out = train(Training.parse(asked(tmp_path / "a", data=sources, epochs=1)), tmp_path / "out")
    assert len(pd.read_csv(out / "folds.csv")) == 24
