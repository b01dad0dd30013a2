"""Several protocols and settings over folds, in one directory, from which a stopped run goes on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torchvision.models import resnet18

from xai_compare.data_files import read_facts
from xai_compare.emotion.baselines import BASELINES
from xai_compare.emotion.blocks import MODALITIES
from xai_compare.emotion.clips import Clips
from xai_compare.emotion.emert import EMERT
from xai_compare.emotion.evaluation import ABLATIONS, CrossValidation, Setting, cross_validate, evaluate_with_noise
from xai_compare.emotion.folds import folds
from xai_compare.emotion.noise import Noise
from xai_compare.emotion.protocols import PROTOCOLS
from xai_compare.emotion.sampling import ClipArrays, Sizes, clip_arrays, read_faces
from xai_compare.emotion.saving import frozen, save_network
from xai_compare.emotion.share import modality_drops, modality_share
from xai_compare.emotion.training import Recipe
from xai_compare.errors import InputError, nearest
from xai_compare.files import atomic, file_sha256, refuse_links, write_atomically
from xai_compare.models.checkpoint import read_state_dict

PLAN = "plan.json"
RESULTS = ("predictions.parquet", "shares.parquet")
SUMS = "checksums.json"
"""In the folder of each setting: the hashes of its results, written last."""


@dataclass(frozen=True)
class Plan:
    """What is trained and tested on a set of clips.

    Attributes:
        protocols: names of `PROTOCOLS`; the other task's head is trained beside and scored too.
        settings: names of `ABLATIONS` and `BASELINES`; ``"all"`` is EMERT with every modality.
        recipe: of each training.
        n_folds, by: of the folds, see `folds`.
        sizes: what is taken from each clip.
        backbone: safetensors of a torchvision ResNet-18 (without its last layer or with it); random weights if None.
        freeze: whether the backbone stays as it is. It then reads each frame once, which is many times faster.
        train_noise: added in training and in testing.
        test_noise: each added in testing alone, for a row of its own.
        alone: whether the other task's head is left out (the paper's Table VII), as where its labels are not known.
    """

    protocols: tuple[str, ...] = ("er_7",)
    settings: tuple[str, ...] = ("all",)
    recipe: Recipe = field(default_factory=Recipe)
    n_folds: int = 5
    by: str = "person"
    sizes: Sizes = field(default_factory=Sizes)
    backbone: Path | None = None
    freeze: bool = False
    train_noise: Noise | None = None
    test_noise: tuple[Noise, ...] = ()
    alone: bool = False

    def __post_init__(self) -> None:
        for what, names, known in (
            ("protocol", self.protocols, list(PROTOCOLS)),
            ("setting", self.settings, [s.name for s in ABLATIONS] + BASELINES.names()),
        ):
            for name in names:
                if name not in known:
                    raise InputError(f"unknown {what} {name!r}", hint=nearest(name, known))
        if self.alone and "fer_intensity" in self.protocols:
            what = "fer_intensity has the classes beside it in the paper's network"
            raise InputError(what, hint="train it without alone")
        if self.freeze and self.backbone is None:
            raise InputError("a frozen backbone with random weights learns nothing", hint="give its weights")

    def setting(self, name: str, protocol: str) -> Setting:
        """The setting of that name, with this plan's noise and heads."""
        setting = next((s for s in ABLATIONS if s.name == name), Setting(name, network=name))
        if self.alone:
            setting = dataclasses.replace(setting, tasks=(PROTOCOLS[protocol].head,))
        return dataclasses.replace(setting, train_noise=self.train_noise, test_noise=self.train_noise)


@dataclass
class PlanResult:
    """What a plan gave.

    Attributes:
        predictions: of every protocol and setting, as in `CrossValidation`.
        shares: of each modality, by protocol, setting and head (see `modality_share`); empty if no network has two.
        networks: the folder of each saved network.
    """

    predictions: pd.DataFrame
    shares: pd.DataFrame
    networks: list[Path]


Stage = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Opens a stage of so many steps, by its title; the context is called with the steps done."""


def _no_progress(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda steps: None)


def run_plan(clips: Clips, plan: Plan, out: str | Path, stage: Stage = _no_progress) -> PlanResult:
    """Train and test everything in the plan; what is there already is kept, and a stopped training goes on.

    Args:
        clips: with the labels of the protocols.
        plan: what is wanted.
        out: the directory. ``trained/PROTOCOL/SETTING/`` holds the predictions, and ``fold_K/`` each network of EMERT,
            which a study takes for a source (see `xai_compare.emotion.saving.saved_head`).
        stage: opens a progress bar for each training, whose steps are the epochs of all folds.

    Raises:
        InputError: if the directory holds another plan's trainings, or the clips cannot be trained on.
    """
    out = Path(out)
    refuse_links(out)
    jobs = [(protocol, name) for protocol in plan.protocols for name in plan.settings]
    modalities = {modality for protocol, name in jobs for modality in plan.setting(name, protocol).modalities}
    # Clips are read though all may be trained: only so is it seen that one was replaced since.
    data = clip_arrays(clips, sorted(modalities), plan.sizes)
    _check_same_plan(clips, plan, out, data)
    left = [job for job in jobs if not _is_whole(_folder(out, *job))]
    if left:
        trainings = _Trainings(clips, data, plan)
        for protocol, name in left:
            with stage(f"{name}, {protocol}: epochs", plan.n_folds * plan.recipe.epochs) as tick:
                folder = _folder(out, protocol, name)
                trainings.run(protocol, plan.setting(name, protocol), folder, tick)
                sums = {file: file_sha256(folder / file) for file in RESULTS if (folder / file).is_file()}
                write_atomically(folder / SUMS, json.dumps(sums, indent=2) + "\n")
    parts = [pd.read_parquet(_folder(out, *job) / "predictions.parquet") for job in jobs]
    shares = [pd.read_parquet(f) for job in jobs if (f := _folder(out, *job) / "shares.parquet").is_file()]
    networks = sorted(file.parent for job in jobs for file in _folder(out, *job).glob("fold_*/card.json"))
    shares_table = pd.concat(shares, ignore_index=True) if shares else pd.DataFrame()
    return PlanResult(pd.concat(parts, ignore_index=True), shares_table, networks)


def _folder(out: Path, protocol: str, name: str) -> Path:
    return out / "trained" / protocol / name.replace(" + ", "+").replace(" ", "_")


def _is_whole(folder: Path) -> bool:
    """Whether a setting was trained, and its results are as they were written."""
    try:
        sums = read_facts(folder / SUMS, "the checksums", {RESULTS[0]: str})
        return all(file_sha256(folder / file) == sums[file] for file in RESULTS if file in sums)
    except (InputError, OSError):
        return False


def _check_same_plan(clips: Clips, plan: Plan, out: Path, data: ClipArrays) -> None:
    """What a training depends on stands in plan.json; more protocols and settings may join later."""
    labels = hashlib.sha256(clips.table.to_csv(index=False).encode()).hexdigest()
    text = json.dumps(dataclasses.asdict(plan) | {"labels": labels}, default=str, sort_keys=True)
    wanted = {k: v for k, v in json.loads(text).items() if k not in ("protocols", "settings")}
    if plan.backbone is not None:
        wanted["backbone"] = hashlib.sha256(Path(plan.backbone).read_bytes()).hexdigest()
    contents = {name: getattr(data, name) for name in MODALITIES}
    wanted |= {
        f"clips ({name})": hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
        for name, values in contents.items()
        if values is not None
    }
    file = out / PLAN
    # A call that failed before anything was trained binds nobody.
    if file.is_file() and any(path.is_file() for path in (out / "trained").rglob("*")):
        stored = json.loads(file.read_text("utf-8"))
        # A modality that no setting had asked for before joins as a setting does.
        new = {key for key in wanted if _of_clips(key) and key not in stored and any(map(_of_clips, stored))}
        if differing := [key for key in wanted if key not in new and stored.get(key) != wanted[key]]:
            what = f"the directory holds trainings that differ in: {', '.join(differing)}"
            raise InputError(what, where=out, hint="name another directory, or ask for the same")
        wanted = {**stored, **wanted}
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(wanted, indent=2) + "\n")


def _of_clips(key: str) -> bool:
    return key.startswith("clips (")


def _trunk_weights(file: Path) -> dict[str, torch.Tensor]:
    """The weights of a ResNet-18 but for its last layer, which nothing here uses.

    Raises:
        InputError: if the file does not hold them.
    """
    stored = {name: value for name, value in read_state_dict(file).items() if not name.startswith("fc.")}
    expected = {name: value for name, value in resnet18().state_dict().items() if not name.startswith("fc.")}
    for name, value in expected.items():
        if name not in stored or stored[name].shape != value.shape:
            what = f"{name} is absent or has another shape: not the weights of a ResNet-18"
            raise InputError(what, where=file, hint="give a state dict with torchvision's names")
    return {name: stored[name] for name in expected}


class _Trainings:
    """Trains settings of a plan; a frozen backbone is made once and reads for all of them."""

    def __init__(self, clips: Clips, data: ClipArrays, plan: Plan) -> None:
        self.clips, self.data, self.plan = clips, data, plan
        self.fold = folds(clips.people.tolist(), plan.n_folds, plan.by)  # type: ignore[arg-type]
        self.weights = None if plan.backbone is None else _trunk_weights(plan.backbone)
        self.reader = functools.partial(read_faces, self.backbone()) if plan.freeze else None

    def backbone(self) -> nn.Module:
        trunk = resnet18()
        if self.weights is not None:
            trunk.load_state_dict(self.weights, strict=False)
        return frozen(trunk) if self.plan.freeze else trunk

    def run(self, protocol: str, setting: Setting, folder: Path, tick: Callable[[int], None]) -> None:
        """Train and test a setting; its predictions, networks and shares are files in ``folder``."""
        plan, clips, data, reader = self.plan, self.clips, self.data, self.reader
        options: dict[str, Any] = {"fold": self.fold, "by": plan.by, "backbone": self.backbone, "reader": reader}
        checkpoints = folder / "checkpoints"
        trained = cross_validate(clips, data, protocol, setting, plan.recipe, **options, folder=checkpoints, tick=tick)
        if "face" not in setting.modalities:
            data, reader = dataclasses.replace(data, face=None), None
        tables, seed = [trained.predictions], plan.recipe.seed
        for noise in () if setting.shuffle else plan.test_noise:
            name = f"{setting.name}, noise {noise.variance:g} on {noise.on} in testing"
            tables.append(
                evaluate_with_noise(trained, clips, data, protocol, noise, name=name, seed=seed, reader=reader)
            )
        read = data if reader is None else reader(data)
        shares = self.shares(read, trained, protocol, setting)
        if len(shares):
            with atomic(folder / "shares.parquet") as part:
                shares.to_parquet(part)
        for k, (net, scaler) in enumerate(zip(trained.nets, trained.scalers, strict=True)):
            if isinstance(net, EMERT) and "face" in setting.modalities:
                training = read.part(np.flatnonzero(self.fold != k))
                save_network(folder / f"fold_{k}", net, scaler, training, simulated=clips.simulated)
        # Predictions come last: where they are, everything else is too.
        with atomic(folder / "predictions.parquet") as part:
            pd.concat(tables, ignore_index=True).to_parquet(part)
        shutil.rmtree(checkpoints)

    def shares(self, data: ClipArrays, trained: CrossValidation, protocol: str, setting: Setting) -> pd.DataFrame:
        """How much each modality contributes to each head of classes, over the networks of all folds."""
        if PROTOCOLS[protocol].kind != "classes" or len(setting.modalities) < 2 or setting.shuffle:
            return pd.DataFrame()
        tables = []
        for head in trained.nets[0].heads:
            column = "label" if head == PROTOCOLS[protocol].head else f"{head}_label"
            labels = trained.predictions[column].to_numpy(int)
            parts = []
            for k, (net, scaler) in enumerate(zip(trained.nets, trained.scalers, strict=True)):
                testing, training = np.flatnonzero(self.fold == k), data.part(np.flatnonzero(self.fold != k))
                drops = modality_drops(net, data.part(testing), training, scaler, labels[testing], head)
                parts.append(drops.assign(clip=testing[drops["clip"]]))
            share = modality_share(pd.concat(parts), self.clips.people.tolist())
            for place, (name, value) in enumerate((("setting", setting.name), ("protocol", protocol), ("head", head))):
                share.insert(place, name, value)
            tables.append(share)
        return pd.concat(tables, ignore_index=True)
