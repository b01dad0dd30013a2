"""A protocol over folds: train on some people, test on the others, score all together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from xai_compare.comparison.resampling.resamples import resample_counts
from xai_compare.emotion.baselines import BASELINES
from xai_compare.emotion.blocks import MODALITIES
from xai_compare.emotion.clips import Clips
from xai_compare.emotion.emert import EMERT
from xai_compare.emotion.folds import check_classes, check_folds, folds
from xai_compare.emotion.fusion import Fusion
from xai_compare.emotion.metrics import Averaging, score_classes, score_values
from xai_compare.emotion.noise import Noise, with_noise
from xai_compare.emotion.protocols import PROTOCOLS, Protocol, partner
from xai_compare.emotion.sampling import ClipArrays, Scaler, shuffled
from xai_compare.emotion.training import Recipe, fit, predict
from xai_compare.errors import InputError
from xai_compare.models.request import seeded


@dataclass(frozen=True)
class Setting:
    """One row of a table: a network and what it is given.

    Attributes:
        name: of the row.
        network: ``"emert"`` (the paper's layout) or a name of `BASELINES`.
        options: of the network, such as ``{"decoupling": False}``.
        modalities: those it reads.
        tasks: the heads that are trained together (Table VII trains them alone, too).
        shuffle: whether eyes and fixations are dealt out to other clips, in training and in testing.
        train_noise, test_noise: what is added where, see `Noise`.
    """

    name: str
    network: str = "emert"
    options: dict[str, Any] = field(default_factory=dict)
    modalities: tuple[str, ...] = MODALITIES
    tasks: tuple[str, ...] = ("er", "fer")
    shuffle: bool = False
    train_noise: Noise | None = None
    test_noise: Noise | None = None


ABLATIONS = (
    Setting("all"),
    Setting("face", modalities=("face",)),
    Setting("eye", modalities=("eye",)),
    Setting("fixation", modalities=("fixation",)),
    Setting("face + eye", modalities=("face", "eye")),
    Setting("face + fixation", modalities=("face", "fixation")),
    Setting("eye + fixation", modalities=("eye", "fixation")),
    Setting("without decoupling", options={"decoupling": False}),
    Setting("without transformer", options={"transformer": False}),
    Setting("without both", options={"decoupling": False, "transformer": False}),
    Setting("eyes shuffled", shuffle=True),
)
"""Tables VI and VIII of the paper, and the control in which the eyes are another clip's."""


@dataclass
class CrossValidation:
    """Predictions of every clip by the network that had not seen its person, and the networks.

    Attributes:
        predictions: ``setting, protocol, clip, person, fold, label, predicted``, and ``p_CLASS`` for classes.
        nets, scalers: of each fold.
    """

    predictions: pd.DataFrame
    nets: list[Fusion]
    scalers: list[Scaler]


def build(
    setting: Setting, protocol: Protocol, data: ClipArrays, backbone: Callable[[], Any] | None, seed: int
) -> Fusion:
    """The network of a setting, its weights drawn from ``seed``."""
    options: dict[str, Any] = {
        "tasks": setting.tasks,
        "modalities": setting.modalities,
        "eye_features": 39 if data.eye is None else data.eye.shape[-1],
        "frames": 8 if data.face is None else data.face.shape[1],
        "steps": next((v.shape[1] for v in (data.eye, data.fixation) if v is not None), 32),
        **setting.options,
    }
    classes = len(protocol.classes) or 7
    with seeded(seed):
        trunk = None if backbone is None else backbone()
        if setting.network == "emert":
            return EMERT("paper", protocol.task, classes, backbone=trunk, **options)
        if trunk is None:
            raise InputError(
                f"{setting.network} needs a backbone", hint="give one, such as torchvision.models.resnet18"
            )
        return BASELINES.get(setting.network)(protocol.task, classes, backbone=trunk, **options)


def cross_validate(
    clips: Clips,
    data: ClipArrays,
    protocol: str,
    setting: Setting,
    recipe: Recipe,
    *,
    fold: Sequence[int] | np.ndarray | None = None,
    by: str = "person",
    n_folds: int = 5,
    backbone: Callable[[], Any] | None = None,
    reader: Callable[[ClipArrays], ClipArrays] | None = None,
    folder: str | Path | None = None,
    tick: Callable[[int], None] = lambda epochs: None,
) -> CrossValidation:
    """Train and test a setting in each fold.

    Args:
        clips: whose labels are learned.
        data: the same clips as `clip_arrays` gives them.
        protocol: a name of `PROTOCOLS`; the head of its partner is trained beside it, if the setting has both.
        setting: the network.
        recipe: the training; the seed of fold k is the recipe's plus k.
        fold: the fold of each clip, if the split is given; no person may be in two of them.
        by, n_folds: else how they are made, see `folds`.
        backbone: makes the network that reads frames; a ResNet-18 with random weights by default.
        reader: what a frozen backbone makes of frames (see `read_faces`), so that it reads them once and not in each
            epoch; noise on frames comes before.
        folder: for checkpoints, a folder for each fold in it.
        tick: called with the number of epochs done since the last call, over all folds.

    Raises:
        InputError: for unknown protocols, missing labels, a person in two folds, a class that cannot be learned.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"unknown protocol {protocol!r}", hint=f"known: {', '.join(PROTOCOLS)}")
    if fold is None:
        fold = folds(clips.people, n_folds, by)  # type: ignore[arg-type]
    elif by == "person":
        check_folds(fold, clips.people.tolist(), clips.where)
    places = np.asarray(fold)
    targets = _targets(clips, PROTOCOLS[protocol], setting)
    used = shuffled(data, recipe.seed) if setting.shuffle else data
    if "face" not in setting.modalities:
        used = replace(used, face=None)
    inputs = _Inputs(used, None if used.face is None else reader)
    job = _Folds(setting, PROTOCOLS[protocol], inputs, targets, recipe, backbone, folder, tick)
    parts, nets, scalers = [], [], []
    for k in sorted(set(places.tolist())):
        training, where = places != k, f"{clips.where}, fold {k}"
        for head, values in targets.items():
            if values.dtype.kind == "i":
                check_classes(values, training, job.classes(head), f"{where}, {head}")
        net, scaler = job.train(k, np.flatnonzero(training))
        parts.append(job.test(net, scaler, np.flatnonzero(~training)))
        parts[-1].insert(0, "fold", k)
        nets.append(net)
        scalers.append(scaler)
    table = pd.concat(parts).sort_values("place")
    table.insert(0, "protocol", protocol)
    table.insert(0, "setting", setting.name)
    table.insert(2, "clip", clips.table["clip"].to_numpy())
    table.insert(3, "person", clips.people)
    return CrossValidation(table.drop(columns="place").reset_index(drop=True), nets, scalers)


def evaluate_with_noise(
    trained: CrossValidation,
    clips: Clips,
    data: ClipArrays,
    protocol: str,
    noise: Noise,
    *,
    name: str,
    seed: int = 0,
    reader: Callable[[ClipArrays], ClipArrays] | None = None,
) -> pd.DataFrame:
    """Predictions of trained networks under noise in testing, without training them again.

    Args:
        trained: as from `cross_validate`, for these clips.
        clips, data, protocol, reader: as there.
        noise: what is added.
        name: of the setting in the table.
        seed: of the noise; fold k adds k.

    Returns:
        The table of `CrossValidation.predictions` under another name.
    """
    table = trained.predictions.copy()
    table["setting"] = name
    inputs = _Inputs(data, reader)
    folds_of_clips = table["fold"].to_numpy()
    numbers = sorted(table["fold"].unique())
    for k, (number, net, scaler) in enumerate(zip(numbers, trained.nets, trained.scalers, strict=True)):
        rows = np.flatnonzero(folds_of_clips == number)
        answers = predict(net, inputs.part(rows, noise, scaler, seed + k), scaler)[PROTOCOLS[protocol].head]
        table.loc[rows, "predicted"] = answers.argmax(1) if answers.ndim == 2 else answers
        if answers.ndim == 2:
            table.loc[rows, [f"p_{label}" for label in PROTOCOLS[protocol].classes]] = answers
    return table[[c for c in map(str, table) if not c.startswith(("er_", "fer_", "intensity_"))]]


def scores(predictions: pd.DataFrame, protocol: str, averaging: Averaging = "pooled", **options: Any) -> pd.DataFrame:
    """Scores with 95 % intervals: ``setting, protocol, averaging, metric, value, ci_low, ci_high, n, note``."""
    classes = PROTOCOLS[protocol].classes
    rows = []
    for setting, part in predictions.groupby("setting", sort=False):
        people = part["person"].tolist()
        if classes:
            labels, predicted = part["label"].to_numpy(int), part["predicted"].to_numpy(int)
            results = score_classes(labels, predicted, len(classes), people, averaging, **options)
        else:
            results = score_values(part["label"], part["predicted"], people, averaging, **options)
        about = {"setting": str(setting), "protocol": protocol, "averaging": averaging}
        rows += [about | asdict(score) for score in results]
    return pd.DataFrame(rows)


def fold_scores(predictions: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """The pooled scores of each fold by itself, which show how much folds differ: with ``fold``, no intervals."""
    parts = []
    for (_, fold), part in predictions.groupby(["setting", "fold"], sort=False):
        table = scores(part, protocol, n=1).drop(columns=["ci_low", "ci_high"])
        table.insert(2, "fold", int(cast(int, fold)))
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def setting_difference(predictions: pd.DataFrame, a: str, b: str, n: int = 2000, seed: int = 0) -> dict[str, float]:
    """How much more often setting ``a`` is right than ``b`` on the same clips, with its interval over people.

    Returns:
        ``difference`` of the shares right, ``ci_low``, ``ci_high`` and ``p`` (two-sided, of the bootstrap).
    """
    table = predictions.assign(right=(predictions["label"] == predictions["predicted"]).astype(float))
    wide = table.pivot(index=["person", "clip"], columns="setting", values="right")
    gain = (wide[a] - wide[b]).groupby("person").agg(["sum", "count"])
    counts = resample_counts(len(gain), n, seed)
    drawn = (counts @ gain["sum"].to_numpy()) / (counts @ gain["count"].to_numpy())
    low, high = np.quantile(drawn, [0.025, 0.975])
    beyond = min((drawn <= 0).mean(), (drawn >= 0).mean())
    return {
        "difference": float(gain["sum"].sum() / gain["count"].sum()),
        "ci_low": float(low),
        "ci_high": float(high),
        "p": float(min(1.0, 2 * max(beyond, 1 / n))),
    }


@dataclass
class _Inputs:
    """The clips, with noise where there is any, and as the frozen backbone reads them."""

    data: ClipArrays
    reader: Callable[[ClipArrays], ClipArrays] | None
    _read: ClipArrays | None = None

    def part(self, places: np.ndarray, noise: Noise | None, scaler: Scaler, seed: int) -> ClipArrays:
        part = self.data.part(places) if noise is None else with_noise(self.data.part(places), noise, scaler, seed)
        if self.reader is None:
            return part
        # Frames with noise are other frames, so that the backbone reads them again; all others it has read once.
        if noise is not None and noise.on != "eye":
            return self.reader(part)
        if self._read is None:
            self._read = self.reader(self.data)
        assert self._read.face is not None
        return replace(part, face=self._read.face[places])


def _targets(clips: Clips, protocol: Protocol, setting: Setting) -> dict[str, np.ndarray]:
    """The labels of each head that is trained: class indices, -1 for none, or values, NaN for none."""
    targets = {}
    both = protocol.head == "intensity" or set(setting.tasks) >= {"er", "fer"}
    for trained in (protocol, partner(protocol)) if both else (protocol,):
        if trained.column not in clips.table:
            alone = "" if trained is protocol else f", or train {protocol.head} alone"
            what = f"there is no column {trained.column!r}"
            raise InputError(what, where=clips.where, hint=f"give the labels{alone}")
        values = clips.table[trained.column]
        if trained.kind == "classes":
            index = {name: k for k, name in enumerate(trained.classes)}
            targets[trained.head] = values.map(index).fillna(-1).to_numpy(np.int64)
        else:
            targets[trained.head] = values.to_numpy(np.float64)
    return targets


@dataclass
class _Folds:
    """One setting, trained and tested in each fold."""

    setting: Setting
    protocol: Protocol
    inputs: _Inputs
    targets: dict[str, np.ndarray]
    recipe: Recipe
    backbone: Callable[[], Any] | None
    folder: str | Path | None
    tick: Callable[[int], None]

    def classes(self, head: str) -> tuple[str, ...]:
        return self.protocol.classes if head == self.protocol.head else partner(self.protocol).classes

    def train(self, k: int, places: np.ndarray) -> tuple[Fusion, Scaler]:
        """The network of fold k and the scaler of its training clips."""
        recipe = replace(self.recipe, seed=self.recipe.seed + k)
        scaler = Scaler.fit(self.inputs.data.part(places))
        part = self.inputs.part(places, self.setting.train_noise, scaler, recipe.seed)
        net = build(self.setting, self.protocol, part, self.backbone, recipe.seed)
        targets = {name: values[places] for name, values in self.targets.items()}
        fit(net, part, scaler, targets, recipe, self.folder and Path(self.folder) / f"fold_{k}", self.tick)
        return net, scaler

    def test(self, net: Fusion, scaler: Scaler, places: np.ndarray) -> pd.DataFrame:
        """Labels and predictions of the scored head; those of the head beside it with its name before."""
        part = self.inputs.part(places, self.setting.test_noise, scaler, self.recipe.seed + 1000)
        answers = predict(net, part, scaler)
        frames = {}
        for head, values in self.targets.items():
            out = answers[head]
            predicted = out.argmax(1) if out.ndim == 2 else out
            frame = pd.DataFrame({"place": places, "label": values[places], "predicted": predicted})
            if out.ndim == 2:
                frame[[f"p_{name}" for name in self.classes(head)]] = out
            frames[head] = frame
        table = frames.pop(self.protocol.head)
        for head, frame in frames.items():
            table = table.join(frame.drop(columns="place").add_prefix(f"{head}_"))
        return table


def as_protocol(predictions: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """The predictions of the partner's head, which was trained beside, as its protocol's own."""
    head = PROTOCOLS[protocol].head
    if f"{head}_label" not in predictions:
        raise InputError(f"the head {head} was not trained beside", hint="train both tasks")
    table = predictions[["setting", "protocol", "clip", "person", "fold"]].copy()
    table["protocol"] = protocol
    for column in map(str, predictions.filter(regex=f"^{head}_")):
        table[column.removeprefix(f"{head}_")] = predictions[column]
    return table
