"""Training on Lightning: killed anywhere it ends bit for bit as if it had not been; protocols over folds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from xai_compare.emotion import (
    ABLATIONS,
    BASELINES,
    EMERT,
    ClipArrays,
    Clips,
    Noise,
    Recipe,
    Scaler,
    Setting,
    Sizes,
    as_protocol,
    clip_arrays,
    cross_validate,
    evaluate_with_noise,
    fit,
    fold_scores,
    predict,
    read_faces,
    scores,
    setting_difference,
)
from xai_compare.emotion.learner import Learner
from xai_compare.errors import InputError

RECIPE = Recipe(epochs=3, batch=16, rate=1e-3)
Backbone = Callable[[], nn.Module]


@pytest.fixture
def data(clips: Clips, small: Sizes) -> ClipArrays:
    return clip_arrays(clips, sizes=small)


def network(backbone: Backbone) -> EMERT:
    torch.manual_seed(0)
    return EMERT("paper", backbone=backbone(), eye_features=5, frames=2, steps=4, layers=1)


def targets(n: int) -> dict[str, np.ndarray]:
    return {"er": np.arange(n) % 7, "fer": np.arange(n) // 2 % 7}


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


class Killed(BaseException):
    pass


@pytest.mark.parametrize(
    ("epoch", "step"), [(0, 1), (1, 0), (2, 2)], ids=["first epoch", "between epochs", "last epoch"]
)
def test_a_training_that_broke_off_ends_as_if_it_had_not(
    data: ClipArrays, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int, step: int
) -> None:
    scaler = Scaler.fit(data)
    whole = network(backbone)
    history = fit(whole, data, scaler, targets(len(data)), RECIPE)
    step_of = Learner.training_step

    def breaking(self: Learner, batch: object, index: int) -> torch.Tensor:
        if (self.current_epoch, index) == (epoch, step):
            raise Killed
        return step_of(self, batch, index)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "training_step", breaking)
    with pytest.raises(Killed):
        fit(network(backbone), data, scaler, targets(len(data)), RECIPE, tmp_path)
    assert (tmp_path / "last.ckpt").exists() == (epoch > 0)
    monkeypatch.undo()
    resumed = network(backbone)
    again = fit(resumed, data, scaler, targets(len(data)), RECIPE, tmp_path)
    assert same(whole, resumed)
    assert again.epochs == history.epochs
    assert again.epochs[-1]["loss"] < again.epochs[0]["loss"]
    done = network(backbone)
    assert fit(done, data, scaler, targets(len(data)), RECIPE, tmp_path).epochs == history.epochs
    assert same(whole, done)


PROGRAM = """
import sys, numpy as np, torch
torch.set_num_threads(1)
from torch import nn
from xai_compare.emotion import EMERT, ClipArrays, Recipe, Scaler, fit
class Tiny(nn.Module):
    out_features = 6
    def __init__(self):
        super().__init__(); self.maps = nn.Conv2d(3, 6, 3, 2)
    def forward(self, x): return self.maps(x).mean((2, 3))
rng = np.random.default_rng(0)
data = ClipArrays(rng.integers(0, 256, (64, 2, 16, 16, 3), dtype=np.uint8),
              rng.normal(size=(64, 4, 5)).astype(np.float32),
              rng.normal(size=(64, 4, 2)).astype(np.float32), tuple(map(str, range(64))))
torch.manual_seed(0)
net = EMERT("paper", backbone=Tiny(), eye_features=5, frames=2, steps=4, layers=1)
fit(net, data, Scaler.fit(data), {"er": np.arange(64) % 7}, Recipe(epochs=60, rate=1e-3), sys.argv[1])
torch.save(net.state_dict(), sys.argv[1] + "/end.pt")
"""


@pytest.mark.slow
def test_a_killed_process_goes_on_where_it_was(tmp_path: Path) -> None:
    def start(folder: str) -> subprocess.Popen[bytes]:
        (tmp_path / folder).mkdir(exist_ok=True)
        path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / folder)],
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )

    assert start("whole").wait(300) == 0
    killed = start("killed")
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "end.pt").exists()
    assert start("killed").wait(300) == 0
    one, other = (torch.load(tmp_path / name / "end.pt", weights_only=True) for name in ("whole", "killed"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_checkpoint_of_another_training_is_refused(data: ClipArrays, backbone: Backbone, tmp_path: Path) -> None:
    fit(network(backbone), data, Scaler.fit(data), targets(len(data)), replace(RECIPE, epochs=1), tmp_path)
    with pytest.raises(InputError, match="the checkpoint is of another training"):
        fit(network(backbone), data, Scaler.fit(data), targets(len(data)), RECIPE, tmp_path)
    (tmp_path / "last.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match=r"the checkpoint cannot be read \(.*\); delete it"):
        fit(network(backbone), data, Scaler.fit(data), targets(len(data)), RECIPE, tmp_path)


def test_a_protocol_is_trained_and_tested_over_folds(clips: Clips, data: ClipArrays, backbone: Backbone) -> None:
    epochs: list[int] = []
    trained = cross_validate(
        clips,
        data,
        "er_7",
        Setting("all", options={"layers": 1}),
        RECIPE,
        n_folds=3,
        backbone=backbone,
        tick=epochs.append,
    )
    table = trained.predictions
    assert table["clip"].tolist() == clips.table["clip"].tolist()
    assert table.groupby("person")["fold"].nunique().max() == 1
    np.testing.assert_allclose(table.filter(regex="^p_").sum(axis=1), 1)
    assert len(trained.nets) == 3
    assert sum(epochs) == 3 * RECIPE.epochs
    pooled, each = scores(table, "er_7"), fold_scores(table, "er_7")
    assert pooled["metric"].tolist() == ["war", "uar", "f1", "f1_macro"]
    war = each[each["metric"] == "war"]
    assert np.average(war["value"], weights=war["n"]) == pytest.approx(pooled["value"][0])
    fer = as_protocol(table, "fer_7")
    assert (
        fer["label"].to_numpy()
        == clips.table["fer"].map(
            dict(
                zip(("happiness", "sadness", "fear", "disgust", "surprise", "anger", "neutral"), range(7), strict=True)
            )
        )
    ).all()
    noisy = evaluate_with_noise(trained, clips, data, "er_7", Noise(0.0), name="none")
    np.testing.assert_allclose(noisy["p_fear"].to_numpy(), table["p_fear"].to_numpy(), atol=1e-6)
    other = evaluate_with_noise(trained, clips, data, "er_7", Noise(1.0, "eye"), name="much")
    assert (other["p_fear"] != table["p_fear"]).all()


@pytest.mark.parametrize("protocol", ["er_valence", "fer_intensity", "fer_3"])
def test_other_protocols_have_their_scores(clips: Clips, data: ClipArrays, backbone: Backbone, protocol: str) -> None:
    setting = Setting("all", options={"layers": 1})
    trained = cross_validate(clips, data, protocol, setting, replace(RECIPE, epochs=1), n_folds=2, backbone=backbone)
    metrics = scores(trained.predictions, protocol, n=20)
    assert metrics["metric"].tolist() == (
        ["war", "uar", "f1", "f1_macro"] if protocol == "fer_3" else ["mae", "mse", "rmse"]
    )
    assert (metrics["ci_low"] <= metrics["value"]).all()


@pytest.mark.parametrize("name", BASELINES.names())
@pytest.mark.parametrize("modalities", [("face", "eye", "fixation"), ("eye",)], ids=["all", "eye"])
def test_baselines_train_and_their_loss_falls(
    data: ClipArrays, backbone: Backbone, name: str, modalities: tuple[str, ...]
) -> None:
    torch.manual_seed(0)
    net = BASELINES.get(name)(modalities=modalities, backbone=backbone(), eye_features=5, frames=2, steps=4)
    history = fit(net, data, Scaler.fit(data), targets(len(data)), replace(RECIPE, epochs=12, rate=3e-3))
    assert history.epochs[-1]["er"] < history.epochs[0]["er"]
    said = predict(net, data, Scaler.fit(data), batch=10)
    assert said["er"].shape == (len(data), 7)
    np.testing.assert_allclose(said["er"].sum(1), 1)


def test_every_ablation_is_a_network_of_its_own(clips: Clips, data: ClipArrays, backbone: Backbone) -> None:
    sizes = set()
    for setting in ABLATIONS:
        small = replace(setting, options={**setting.options, "layers": 1})
        net = cross_validate(clips, data, "er_7", small, replace(RECIPE, epochs=1), n_folds=2, backbone=backbone).nets[
            0
        ]
        assert net.modalities == setting.modalities
        sizes.add((net.modalities, sum(p.numel() for p in net.parameters())))
    assert len(sizes) == len(ABLATIONS) - 1  # Shuffled eyes are read by the same network.


def test_a_frozen_backbone_reads_once_and_sees_noise(clips: Clips, data: ClipArrays, backbone: Backbone) -> None:
    frozen = backbone()
    calls: list[int] = []

    def reader(part: ClipArrays) -> ClipArrays:
        calls.append(len(part))
        return read_faces(frozen, part)

    setting = Setting("all", options={"layers": 1})
    one = replace(RECIPE, epochs=1)
    trained = cross_validate(clips, data, "er_7", setting, one, n_folds=2, backbone=lambda: frozen, reader=reader)
    assert calls == [len(data)]
    plain = cross_validate(clips, data, "er_7", setting, one, n_folds=2, backbone=backbone)
    assert trained.predictions["p_fear"].shape == plain.predictions["p_fear"].shape
    table = evaluate_with_noise(trained, clips, data, "er_7", Noise(0.1, "face"), name="noise", reader=reader)
    assert calls == [len(data), 21, 21]
    assert (table["p_fear"] != trained.predictions["p_fear"]).any()


def test_settings_are_compared_clip_by_clip(clips: Clips) -> None:
    rng = np.random.default_rng(0)
    rows = clips.table[["clip", "person"]].assign(label=0)
    import pandas as pd

    right = rng.random(len(rows)) < 0.5
    table = pd.concat(
        [rows.assign(setting="a", predicted=np.where(right, 0, 1)), rows.assign(setting="b", predicted=1)]
    )
    found = setting_difference(table, "a", "b", n=500)
    assert found["difference"] == pytest.approx(right.mean())
    assert found["ci_low"] < found["difference"] < found["ci_high"]
    assert setting_difference(table, "a", "a", n=100)["p"] == 1


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"protocol": "er_8"}, "unknown protocol 'er_8'"),
        ({"fold": "by clip"}, "clips: person 'p0' is in the folds 0 and 1; keep each person in one fold"),
        ({"setting": Setting("x", network="mulT")}, "unknown fusion network 'mulT'; did you mean 'mult'?"),
        ({"without": "anger"}, "fold 0, er: no training clip has the class 'anger'"),
        ({"column": "fer"}, "clips: there is no column 'fer'; give the labels, or train er alone"),
        ({"train": Noise(0.1)}, "these are features already"),
    ],
    ids=["protocol", "person in two folds", "network", "empty class", "no labels", "noise on features"],
)
def test_what_cannot_be_trained_is_refused_in_one_line(
    clips: Clips, data: ClipArrays, backbone: Backbone, changes: dict[str, object], line: str
) -> None:
    fold = np.arange(len(clips)) % 2 if changes.get("fold") else None
    if "without" in changes:
        table = clips.table.copy()
        table.loc[(table["er"] == changes["without"]) & (table["person"] != "p0"), "er"] = "fear"
        clips = replace(clips, table=table)
        fold = (clips.people != "p0").astype(int)
    if "column" in changes:
        clips = replace(clips, table=clips.table.drop(columns=[str(changes["column"])]))
    setting = changes.get("setting", Setting("all", options={"layers": 1}))
    if "train" in changes:
        setting = replace(setting, train_noise=changes["train"])  # type: ignore[type-var]
        data = read_faces(backbone(), data)
    with pytest.raises(InputError, match=r"^[^\n]*$") as problem:
        cross_validate(
            clips,
            data,
            str(changes.get("protocol", "er_7")),
            setting,
            replace(RECIPE, epochs=1),  # type: ignore[arg-type]
            fold=fold,
            n_folds=2,
            backbone=backbone,
        )
    assert line in str(problem.value)
