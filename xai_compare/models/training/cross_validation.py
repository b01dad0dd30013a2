"""A whole training: folds, networks, pairs, evaluation, and what is written of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.agreement import confusion
from xai_compare.data_files import read_facts
from xai_compare.errors import InputError
from xai_compare.extras import require
from xai_compare.files import atomic, file_sha256, refuse_links, write_atomically, write_csv
from xai_compare.inventory import listed
from xai_compare.models.checkpoint import load_weights, read_state_dict
from xai_compare.models.ensembles import pairs_of, pairwise
from xai_compare.models.loading import load
from xai_compare.models.model import Model
from xai_compare.models.training import cards, evaluation, figures, map_loss, staleness
from xai_compare.models.training import folds as dividing
from xai_compare.models.training.augmentation import augmentation
from xai_compare.models.training.click_masks import tuning_set
from xai_compare.models.training.config import Training
from xai_compare.models.training.sampling import derive_seed
from xai_compare.models.training.trainer import Length, fit, undersampled
from xai_compare.models.training.training_faces import TrainingFaces, expressions, load_faces

Say = Callable[[str], None]
CONFIG = "training.yaml"
_DRAWN = ("zoo", "bundled", "torchvision", "timm", "hf")


@dataclass
class _Job:
    """Everything that the parts of a training share."""

    config: Training
    out: Path
    classes: list[str]
    pictures: TrainingFaces
    folds: np.ndarray
    say: Say
    progress: bool
    clicks: pd.DataFrame | None
    histories: dict[str, list[dict[str, float]]]


def train(
    config: Training,
    out: str | Path,
    *,
    clicks: pd.DataFrame | None = None,
    say: Say = lambda line: None,
    progress: bool = False,
) -> Path:
    """Train, evaluate and write down; a training that was interrupted goes on where it was.

    ``out`` receives ``folds.csv`` (who is tested where), ``predictions.csv``, ``metrics.csv`` (each fold, mean and
    standard deviation), ``curves.csv``, figures, a folder for each fold with ``weights.safetensors`` and ``card.json``
    (and ``pairs/A_B/`` for binary networks), and at the top the weights and card of the first fold.

    Args:
        config: what is asked.
        out: a folder; made if absent.
        clicks: of people, for ``fine_tune``: columns ``image, x, y, participant`` and optionally ``correct``.
        say: called with a line at each step.
        progress: whether to draw bars.

    Raises:
        InputError: for whatever is wrong with pictures, folds, network or folder; then nothing is overwritten.
    """
    require("lightning", where=config.name)  # Before pictures are read for minutes.
    out = Path(out)
    _claim(config, out)
    with listed(out) as inventory:
        inventory.note(out / CONFIG)
        _train_in(config, out, clicks, say, progress)
    return out


def _train_in(config: Training, out: Path, clicks: pd.DataFrame | None, say: Say, progress: bool) -> None:
    classes, pictures, folds = _divided(config, out, say)
    _write_folds(pictures, folds, out / "folds.csv")
    job = _Job(config, out, classes, pictures, folds, say, progress, clicks, {})
    tested = sorted({int(fold) for fold in folds if fold > 0})
    unknown = sorted(set(config.only_folds or []) - set(tested))
    if unknown:
        raise InputError(f"there is no fold {unknown[0]}", hint=f"the folds are {', '.join(map(str, tested))}")
    parts = [_fold(job, fold) for fold in tested if config.only_folds is None or fold in config.only_folds]
    _summarize(job, pd.concat(parts, ignore_index=True))


def _claim(config: Training, out: Path) -> None:
    """Refuse a folder that holds another training, and write down what is trained here."""
    refuse_links(out)
    file = out / CONFIG
    mark = f"# {config.fingerprint()}\n"
    if file.is_file():
        if file.read_text("utf-8").partition("\n")[0] + "\n" != mark:
            raise InputError("another training is in this folder", where=out, hint="name another folder with --out")
        return
    if out.is_dir() and any(path.name != "cache" for path in out.iterdir()):
        raise InputError("the folder is not empty", where=out, hint="name another folder with --out")
    write_atomically(file, mark + config.dump())


def _divided(config: Training, out: Path, say: Say) -> tuple[list[str], TrainingFaces, np.ndarray]:
    named = expressions(config.data)
    classes = config.classes or named
    missing = [name for name in classes if name not in named]
    if missing:
        raise InputError(f"no picture shows {missing[0]}", where=config.name, hint="leave the class out")
    if not classes:
        raise InputError("no picture has a label", where=config.name, hint="fill in the column expression")
    if len(classes) < 2:
        raise InputError(
            f"all pictures show {classes[0]}", where=config.name, hint="give pictures of other classes too"
        )
    length(config)
    probe = network(config, classes if config.multiclass else classes[:2], 0)
    faces = load_faces(config.data, probe.input.size, config.margin, out / "cache")
    for image, why in faces.skipped[:5]:
        say(f"left out {image}: {why}")
    if len(faces.skipped) > 5:
        say(f"left out {len(faces.skipped) - 5} more pictures")
    pictures = faces[np.flatnonzero(faces.rows["expression"].isin(classes))]
    if config.folds == "split":
        folds = dividing.given(pictures.rows)
    else:
        folds = dividing.grouped(pictures.rows, int(config.folds), config.seed)
    dividing.check(pictures.rows, folds, classes)
    alone = int((pictures.rows["subject"] == "").sum())
    if alone and config.folds != "split":
        say(f"{alone} pictures name no subject: each counts as its own person, so one person may be in two folds")
    return classes, pictures, folds


def network(config: Training, classes: list[str], seed: int) -> Model:
    """The network that a training asks for, with fresh weights drawn from ``seed`` unless it names others.

    Raises:
        InputError: whatever is wrong with ``network``.
    """
    spec: dict[str, Any] = {"name": config.name, **config.network}
    if "classes" in spec:
        raise InputError("the network's classes are those of the training", hint="write `classes` outside of `network`")
    spec["classes"] = list(classes)
    if any(key in spec for key in _DRAWN):
        spec.setdefault("weights", "random")
    if "seed" not in spec and (spec.get("weights") in ("random", "pretrained") or "factory" in spec):
        spec["seed"] = seed % 2**32
    weights = spec.get("weights")
    if isinstance(weights, str) and (Path(weights).parent / cards.CARD).is_file():
        trained_for = cards.read(Path(weights).parent / cards.CARD)["classes"]
        if list(trained_for) != list(classes):
            raise InputError(
                f"the weights were trained for {', '.join(trained_for)}, not for {', '.join(classes)}",
                where=weights,
                hint="name weights of the same classes in the same order",
            )
    return load(spec, config._base, allow_code=config._allow_code)


def length(config: Training) -> Length:
    """How long one network is trained; the paper's own number of epochs for a network of the zoo.

    Raises:
        InputError: if nothing says it.
    """
    if config.until_accuracy is not None:
        return Length(config.max_epochs, config.until_accuracy)
    if config.epochs is not None:
        return Length(config.epochs)
    if "zoo" in config.network:
        from xai_compare.models.zoo import ZOO

        return Length(ZOO.get(str(config.network["zoo"])).epochs)
    raise InputError("how long to train is not said", where=config.name, hint="say `epochs` or `until_accuracy`")


def _fold(job: _Job, fold: int) -> pd.DataFrame:
    """Train what is asked on one fold; the predictions on its test pictures."""
    test = np.flatnonzero(job.folds == fold)
    train = np.flatnonzero((job.folds >= 0) & (job.folds != fold))
    folder = job.out / f"fold_{fold}"
    models: dict[str, Model] = {}
    if job.config.multiclass:
        models["multiclass"] = _trained(job, job.classes, train, test, folder, (fold, 0))
    if job.config.pairs:
        binary: dict[tuple[str, str], Model] = {}
        for k, pair in enumerate(pairs_of(tuple(job.classes)), start=1):
            place = folder / "pairs" / "_".join(pair)
            binary[pair] = _trained(job, list(pair), train, test, place, (fold, k))
        models["pairs, simple vote"] = pairwise(job.config.name, binary, "simple")
        models["pairs, weighted vote"] = pairwise(job.config.name, binary, "weighted")
    parts = []
    for name, model in models.items():
        probabilities = model.predict(shown(job.pictures.images[test], model.input.size))
        rows = job.pictures.rows.iloc[test][["image", "dataset", "subject", "expression"]].reset_index(drop=True)
        rows.insert(0, "model", name)
        rows.insert(0, "fold", fold)
        rows["predicted"] = [model.classes[k] for k in probabilities.argmax(1)]
        columns = [f"p_{one}" for one in model.classes]
        parts.append(pd.concat([rows, pd.DataFrame(probabilities, columns=columns)], axis=1))
    return pd.concat(parts, ignore_index=True)


def shown(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of stored faces, as networks are shown them: uint8 ``(n, *size, 3)``."""
    import torch

    middle = augmentation("none", size)(torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2))
    return np.asarray(middle.permute(0, 2, 3, 1).numpy())


def _trained(
    job: _Job, classes: list[str], train: np.ndarray, test: np.ndarray, folder: Path, key: tuple[int, int]
) -> Model:
    """One network on one fold, trained or taken from the folder where it was trained before."""
    config, rows = job.config, job.pictures.rows
    seed = derive_seed(config.seed, 5, *key)
    model = network(config, classes, seed)
    name = f"fold {key[0]}" + ("" if key[1] == 0 else f", {classes[0]} against {classes[1]}")
    chosen = train[rows["expression"].to_numpy()[train][:, None].__eq__(np.array(classes)).any(1)]
    labels = np.array([classes.index(label) for label in rows["expression"].to_numpy()[chosen]])
    if key[1]:
        balanced = undersampled(labels, derive_seed(config.seed, 6, *key))
        chosen, labels = chosen[balanced], labels[balanced]
    job.say(f"{name}: {len(chosen)} pictures")
    images = job.pictures.images[chosen]
    maps = _maps(job, classes, chosen)
    inputs = staleness.inputs_hash(
        model, (images, labels, maps, *_clicked(job, chosen)), [classes, config.fingerprint()]
    )
    if why := staleness.begin(folder, inputs):
        job.say(f"{name}: trained anew; {why}")
    if (folder / cards.CARD).is_file():
        load_weights(model.module, read_state_dict(folder / cards.WEIGHTS), folder / cards.WEIGHTS)
        job.histories[name] = read_facts(folder / cards.CARD, "the card of trained weights", {"history": list})[
            "history"
        ]
        return model
    history = fit(model, images, labels, config, length(config), folder, seed=seed, maps=maps, progress=job.progress)
    if config.fine_tune is not None:
        history = history + _tuned(job, model, classes, chosen, folder, seed)
    job.histories[name] = history
    cards.write(model, folder, {**_facts(job, classes, chosen, test, key), "history": history})
    for name in staleness.CHECKPOINTS:
        (folder / name).unlink(missing_ok=True)
    return model


def _clicked(job: _Job, chosen: np.ndarray) -> list[np.ndarray]:
    """What tuning with clicks depends on beside the pictures: the clicks, and whose pictures they are."""
    if job.config.fine_tune is None or job.clicks is None:
        return []
    tables = (job.clicks, job.pictures.rows.iloc[chosen][["image", "expression", "subject"]])
    return [np.frombuffer(table.to_csv(index=False).encode(), np.uint8) for table in tables]


def _maps(job: _Job, classes: list[str], chosen: np.ndarray) -> np.ndarray | None:
    """The maps towards which a network is pulled, where the faces lie in the pictures."""
    options = job.config.towards
    if options is None:
        return None
    targets = map_loss.target_maps(options.maps, classes, job.config.seed)
    labels = list(job.pictures.rows["expression"].to_numpy()[chosen])
    maps = map_loss.onto_pictures(targets, labels, job.pictures.landmarks[chosen], job.pictures.images.shape[1])
    if not np.isfinite(maps).any():
        raise InputError(
            "no training picture has a map",
            where=job.config.name,
            hint="cut-out pictures have no landmarks, and neutral and contempt no Ekman mask",
        )
    return maps


def _tuned(
    job: _Job, model: Model, classes: list[str], chosen: np.ndarray, folder: Path, seed: int
) -> list[dict[str, float]]:
    """Tune a trained network with click-revealed pictures."""
    options = job.config.fine_tune
    assert options is not None
    if job.clicks is None:
        raise InputError("the clicks were not given", where=job.config.name, hint="pass them to `train`")
    rows = job.pictures.rows.iloc[chosen].reset_index(drop=True)
    side = job.pictures.images.shape[1]
    images, labels = tuning_set(rows, job.clicks, classes, options, job.config.margin, side, seed)
    job.say(f"tuned with {len(images)} click-revealed and whole pictures")
    plain = job.config.model_copy(update={"weighted": False, "towards": None})
    return fit(
        model,
        images,
        labels,
        plain,
        Length(options.epochs),
        folder / "tuning",
        seed=derive_seed(seed, 7),
        progress=job.progress,
    )


def _facts(job: _Job, classes: list[str], chosen: np.ndarray, test: np.ndarray, key: tuple[int, int]) -> dict[str, Any]:
    rows = job.pictures.rows
    return {
        "network": job.config.network,
        "seed": job.config.seed,
        "fold": key[0],
        "trained_on": {
            "pictures": len(chosen),
            "people": int(dividing.people(rows.iloc[chosen]).nunique()),
            "per_class": {label: int((rows["expression"].to_numpy()[chosen] == label).sum()) for label in classes},
            "manifests": [
                {"file": source.manifest.name, "sha256": file_sha256(source.manifest)} for source in job.config.data
            ],
        },
        "tested_on": {"pictures": len(test), "people": int(dividing.people(rows.iloc[test]).nunique())},
    }


def _summarize(job: _Job, predictions: pd.DataFrame) -> None:
    """Write predictions, metrics, curves and figures, and the first fold's weights at the top."""
    write_csv(predictions, job.out / "predictions.csv", float_format="%.6f")
    parts, matrices = [], {}
    classes = list(job.classes)
    columns = [f"p_{label}" for label in classes]
    for name, part in predictions.groupby("model", sort=False):
        for fold, rows in part.groupby("fold"):
            labels = np.array([classes.index(label) for label in rows["expression"]])
            table = evaluation.scores(labels, np.array(rows[columns]), classes)
            parts.append(table.assign(fold=str(fold), model=name))
        labels = np.array([classes.index(label) for label in part["expression"]])
        probabilities = np.array(part[columns])
        matrices[str(name)] = confusion(labels, probabilities.argmax(1), range(len(classes)))
        parts.append(evaluation.like_people(matrices[str(name)], classes).assign(fold="all", model=name))
        slug = str(name).replace(", ", "_").replace(" ", "_")
        figures.reliability(labels, probabilities, job.out / "figures" / f"calibration_{slug}.png")
    metrics = pd.concat([p for p in parts if len(p)], ignore_index=True)
    metrics = metrics[["fold", "model", "metric", "expression", "value", "n"]]
    single = metrics[metrics["fold"] != "all"]
    if single["fold"].nunique() > 1:
        metrics = pd.concat([metrics, evaluation.spread(single)], ignore_index=True)
    write_csv(metrics, job.out / "metrics.csv", float_format="%.6f")
    curves = [pd.DataFrame(history).assign(training=name) for name, history in job.histories.items()]
    write_csv(pd.concat(curves, ignore_index=True), job.out / "curves.csv", float_format="%.6f")
    figures.curves(job.histories, job.out / "figures" / "curves.png")
    figures.confusions(matrices, classes, job.out / "figures" / "confusions.png")
    _top(job, metrics, matrices)


def _top(job: _Job, metrics: pd.DataFrame, matrices: dict[str, np.ndarray]) -> None:
    """Put the first fold's weights at the top, with a card that names all folds and how they did."""
    tested = sorted({int(fold) for fold in job.folds if fold > 0})
    folders = [path for fold in tested if (path := job.out / f"fold_{fold}").is_dir()]
    wanted = metrics[metrics["metric"].isin(["accuracy", "balanced_accuracy", "calibration_error"])]
    results = wanted[["fold", "model", "metric", "value"]].round(4).to_dict("records")
    first = folders[0] / cards.CARD
    card: dict[str, Any] = (
        cards.read(first) if first.is_file() else {"classes": job.classes, "pairs": "see the folders of the folds"}
    )
    card.pop("history", None)
    card["folds"] = [path.name for path in folders]
    card["results"] = results
    card["confusion"] = {name: np.round(matrix, 4).tolist() for name, matrix in matrices.items()}
    if first.is_file():
        _linked(folders[0] / cards.WEIGHTS, job.out / cards.WEIGHTS)
    cards.put(job.out / cards.CARD, card)


def _linked(source: Path, target: Path) -> None:
    with atomic(target) as part:
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)


def _write_folds(pictures: TrainingFaces, folds: np.ndarray, path: Path) -> None:
    rows = pictures.rows[["image", "dataset", "subject", "expression"]].assign(fold=folds)
    write_csv(rows, path)
