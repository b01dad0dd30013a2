"""A protocol over folds: train on some people, test on the others, score all together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from xai_compare.emotion.blocks import MODALITIES
from xai_compare.emotion.clips import Clips
from xai_compare.emotion.emert import EMERT, Fusion
from xai_compare.emotion.folds import check_classes, check_folds, folds
from xai_compare.emotion.metrics import Averaging, Score, score_classes, score_values
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
    """What a setting gave: predictions of every clip by the network that had not seen its person.

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
    from xai_compare.emotion.baselines import BASELINES

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
            raise InputError(f"{setting.network} needs a backbone", hint="give one, see the notebook")
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
        tick: told how many epochs more are done, over all folds.

    Raises:
        InputError: for unknown protocols, missing labels, a person in two folds, a class that cannot be learned.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"unknown protocol {protocol!r}", hint=f"known: {', '.join(PROTOCOLS)}")
    wanted = PROTOCOLS[protocol]
    if fold is None:
        fold = folds(clips.people, n_folds, by)  # type: ignore[arg-type]
    elif by == "person":
        check_folds(fold, clips.people.tolist(), clips.where)
    places = np.asarray(fold)
    targets = _targets(clips, wanted, setting)
    used = shuffled(data, recipe.seed) if setting.shuffle else data
    if "face" not in setting.modalities:
        used = replace(used, face=None)
    source = _Source(used, None if used.face is None else reader)
    parts, nets, scalers = [], [], []
    for k in sorted(set(places.tolist())):
        training, where = places != k, f"{clips.where}, fold {k}"
        for head, values in targets.items():
            if values.dtype.kind == "i":
                check_classes(values, training, _classes_of(wanted, head), f"{where}, {head}")
        net, scaler = _trained(setting, wanted, source, targets, training, recipe, k, backbone, folder, tick)
        parts.append(_tested(net, scaler, wanted, source, ~training, setting, recipe, targets))
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
    wanted = PROTOCOLS[protocol]
    table = trained.predictions.copy()
    table["setting"] = name
    source = _Source(data, reader)
    for k, (net, scaler) in enumerate(zip(trained.nets, trained.scalers, strict=True)):
        rows = np.flatnonzero(table["fold"].to_numpy() == sorted(table["fold"].unique())[k])
        said = predict(net, source.part(rows, noise, scaler, seed + k), scaler)[wanted.head]
        table.loc[rows, "predicted"] = said.argmax(1) if said.ndim == 2 else said
        if said.ndim == 2:
            table.loc[rows, [f"p_{label}" for label in wanted.classes]] = said
    return table[[c for c in map(str, table) if not c.startswith(("er_", "fer_", "intensity_"))]]


def scores(predictions: pd.DataFrame, protocol: str, averaging: Averaging = "pooled", **options: Any) -> pd.DataFrame:
    """Scores with 95 % intervals: ``setting, protocol, averaging, metric, value, ci_low, ci_high, n, note``."""
    wanted = PROTOCOLS[protocol]
    rows = []
    for setting, part in predictions.groupby("setting", sort=False):
        people = part["person"].tolist()
        if wanted.kind == "classes":
            found = score_classes(
                part["label"].to_numpy(int),
                part["predicted"].to_numpy(int),
                len(wanted.classes),
                people,
                averaging,
                **options,
            )
        else:
            found = score_values(part["label"], part["predicted"], people, averaging, **options)
        rows += [_row(str(setting), protocol, averaging, score) for score in found]
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
    from xai_compare.comparison.resampling.resamples import resample_counts

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
class _Source:
    """The clips, noisy where that is asked for, and as the frozen backbone sees them."""

    data: ClipArrays
    reader: Callable[[ClipArrays], ClipArrays] | None
    _read: ClipArrays | None = None

    def part(self, places: np.ndarray, noise: Noise | None, scaler: Scaler, seed: int) -> ClipArrays:
        part = self.data.part(places) if noise is None else with_noise(self.data.part(places), noise, scaler, seed)
        if self.reader is None:
            return part
        if noise is not None and noise.on != "eye":
            return self.reader(part)
        if self._read is None:
            self._read = self.reader(self.data)
        assert self._read.face is not None
        return replace(part, face=self._read.face[places])


def _row(setting: str, protocol: str, averaging: str, score: Score) -> dict[str, object]:
    return {
        "setting": setting,
        "protocol": protocol,
        "averaging": averaging,
        "metric": score.metric,
        "value": score.value,
        "ci_low": score.low,
        "ci_high": score.high,
        "n": score.n,
        "note": score.note,
    }


def _targets(clips: Clips, wanted: Protocol, setting: Setting) -> dict[str, np.ndarray]:
    found = {}
    both = wanted.head == "intensity" or set(setting.tasks) >= {"er", "fer"}
    for protocol in (wanted, partner(wanted)) if both else (wanted,):
        if protocol.column not in clips.table:
            raise InputError(
                f"there is no column {protocol.column!r}",
                where=clips.where,
                hint="give the labels" + (f", or train {wanted.head} alone" if protocol is not wanted else ""),
            )
        values = clips.table[protocol.column]
        if protocol.kind == "classes":
            index = {name: k for k, name in enumerate(protocol.classes)}
            found[protocol.head] = values.map(index).fillna(-1).to_numpy(np.int64)
        else:
            found[protocol.head] = values.to_numpy(np.float64)
    return found


def _classes_of(wanted: Protocol, head: str) -> tuple[str, ...]:
    return wanted.classes if head == wanted.head else partner(wanted).classes


def _trained(
    setting: Setting,
    wanted: Protocol,
    source: _Source,
    targets: dict[str, np.ndarray],
    training: np.ndarray,
    recipe: Recipe,
    k: int,
    backbone: Callable[[], Any] | None,
    folder: str | Path | None,
    tick: Callable[[int], None],
) -> tuple[Fusion, Scaler]:
    recipe = replace(recipe, seed=recipe.seed + k)
    places = np.flatnonzero(training)
    scaler = Scaler.fit(source.data.part(places))
    part = source.part(places, setting.train_noise, scaler, recipe.seed)
    net = build(setting, wanted, part, backbone, recipe.seed)
    own = None if folder is None else Path(folder) / f"fold_{k}"
    fit(net, part, scaler, {name: values[training] for name, values in targets.items()}, recipe, own, tick)
    return net, scaler


def _tested(
    net: Fusion,
    scaler: Scaler,
    wanted: Protocol,
    source: _Source,
    testing: np.ndarray,
    setting: Setting,
    recipe: Recipe,
    targets: dict[str, np.ndarray],
) -> pd.DataFrame:
    places = np.flatnonzero(testing)
    part = source.part(places, setting.test_noise, scaler, recipe.seed + 1000)
    said = predict(net, part, scaler)
    frames = {}
    for head, values in targets.items():
        out = said[head]
        frame = pd.DataFrame(
            {"place": places, "label": values[places], "predicted": out.argmax(1) if out.ndim == 2 else out}
        )
        if out.ndim == 2:
            for name, column in zip(_classes_of(wanted, head), out.T, strict=True):
                frame[f"p_{name}"] = column
        frames[head] = frame
    table = frames.pop(wanted.head)
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
