"""A training is taken up again only where it is the same: what changed or was damaged is trained anew, and said."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny_task import CLASSES, asked, tiny, write_pictures

from xai_compare.models import InputSpec, Model
from xai_compare.models.training import Training, train
from xai_compare.models.training.trainer import Length, fit


def labels(task: Path) -> None:
    table = pd.read_csv(task / "labels.csv")
    table.loc[:5, "expression"] = table.loc[:5, "expression"].to_numpy()[::-1]
    table.to_csv(task / "labels.csv", index=False)


def subjects(task: Path) -> None:
    table = pd.read_csv(task / "labels.csv")
    table["subject"] = table["subject"].map({f"p{k}": f"p{(3 * k + 1) % 8}" for k in range(8)})
    table.loc[table["dataset"] == "set0", "subject"] += "x"
    table.to_csv(task / "labels.csv", index=False)


def picture(task: Path) -> None:
    for file in sorted((task / "images").glob("*_anger.png")):
        Image.fromarray(255 - np.asarray(Image.open(file))).save(file)


def same_size_and_time(task: Path) -> None:
    for file in sorted((task / "images").glob("*_anger.png")):
        before = file.stat()
        other = file.with_name(file.name.replace("anger", "surprise")).read_bytes()
        file.write_bytes(other.ljust(before.st_size, b"\0"))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def factory(task: Path) -> None:
    code = (task / "tinynet.py").read_text("utf-8")
    (task / "tinynet.py").write_text(code.replace("nn.ReLU(), nn.Adaptive", "nn.Tanh(), nn.Adaptive"), "utf-8")


def weights(task: Path) -> None:
    file = task.parent / "out" / "fold_1" / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.unlink()
    file.write_bytes(content)


def card(task: Path) -> None:
    (task.parent / "out" / "fold_1" / "card.json").write_text("{", "utf-8")


CHANGES = {
    labels: "have changed",
    subjects: "have changed",
    picture: "have changed",
    same_size_and_time: "have changed",
    factory: "have changed",
    weights: "its weights are damaged",
    card: "its weights are damaged",
}


def trained(task: Path, out: Path) -> tuple[dict[str, np.ndarray], pd.DataFrame, list[str]]:
    told: list[str] = []
    spec = asked(task, epochs=1, folds=2)
    spec["network"] = {**spec["network"], "folder": str(task)}  # type: ignore[dict-item]
    config = Training.parse(spec)
    config.allow_code(True)
    train(config, out, say=told.append)
    return load_file(out / "weights.safetensors"), pd.read_csv(out / "predictions.csv"), told


@pytest.mark.parametrize(("change", "why"), CHANGES.items(), ids=[change.__name__ for change in CHANGES])
def test_what_changed_between_two_calls_is_trained_anew(
    change: Callable[[Path], None], why: str, tmp_path: Path
) -> None:
    task = tmp_path / "task"
    write_pictures(task)
    trained(task, tmp_path / "out")
    change(task)
    state, predictions, told = trained(task, tmp_path / "out")
    assert [line for line in told if "trained anew" in line and why in line]
    again, expected, _ = trained(task, tmp_path / "fresh")
    pd.testing.assert_frame_equal(predictions, expected)
    assert all((state[name] == again[name]).all() for name in again)


def test_what_is_the_same_is_not_trained_again(tmp_path: Path) -> None:
    task = tmp_path / "task"
    write_pictures(task)
    _, predictions, _ = trained(task, tmp_path / "out")
    stamp = (tmp_path / "out" / "fold_1" / "weights.safetensors").stat().st_mtime_ns
    _, again, told = trained(task, tmp_path / "out")
    assert not [line for line in told if "anew" in line]
    assert (tmp_path / "out" / "fold_1" / "weights.safetensors").stat().st_mtime_ns == stamp
    pd.testing.assert_frame_equal(predictions, again)


def test_a_damaged_checkpoint_is_not_gone_on_from(tmp_path: Path) -> None:
    images, labels = np.random.default_rng(1).integers(0, 256, (24, 24, 24, 3), np.uint8), np.arange(24) % 3

    def fitted(folder: Path, epochs: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        model = Model("tiny", CLASSES, tiny(3), InputSpec((20, 20), "grey"))
        spec = {"network": {}, "data": {"manifest": "x.csv"}, "epochs": 4, "batch_size": 8, "accelerator": "cpu"}
        optimizer = {"name": "adamw", "lr": 0.01, "schedule": "constant"}
        config = Training.parse({**spec, "optimizer": optimizer})
        fit(model, images, labels, config, Length(epochs), folder, seed=4)
        return model.module.state_dict()

    whole = fitted(tmp_path / "whole", 4)
    fitted(tmp_path / "broken", 2)
    file = tmp_path / "broken" / "last.ckpt"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    mended = fitted(tmp_path / "broken", 4)
    assert all(torch.equal(mended[name], whole[name]) for name in whole)
