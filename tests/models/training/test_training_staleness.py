"""A training is taken up again only where it is the same: what changed or was damaged is trained anew, and said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors.torch import load_file
from tiny_task import asked, write_pictures

from xai_compare.models.training import Training, train


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
