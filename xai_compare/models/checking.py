"""Whether a network is fed and read as it was trained: asked of about forty labelled pictures.

Published networks are spoilt silently by a wrong order of classes or channels, a wrong range, normalization or crop, or
by colour where grey was trained. Each of these is tried in turn, and two witnesses are heard:

- The labels. What the network says of the labelled pictures under the alternative is compared with what it says as the
  study loads it, picture by picture, after a temperature is fitted to each, so that mere loss of contrast counts for
  nothing.
- The network's own memory. Batch norms hold the mean and variance of what reached them in training. An input that is
  fed wrongly has others, whatever the labels are (no label is needed for this one).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import optimize, stats
from torch import nn

from xai_compare.errors import InputError
from xai_compare.models.model import InputSpec, Model

CHECKS = ("class order", "channel order", "range", "normalization", "grey", "crop")
ORDERS: Mapping[str, tuple[str, ...]] = {
    "alphabetical": ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
    "FER2013": ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt"),
    "FER+": ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    "AffectNet": ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"),
    "RAF-DB": ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral", "contempt"),
    "CK+": ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"),
    "CK+ without neutral first": (
        "anger",
        "contempt",
        "disgust",
        "fear",
        "happiness",
        "sadness",
        "surprise",
        "neutral",
    ),
}
"""Orders of classes that datasets have made usual; classes that a network lacks are left out."""

RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-0.5, 0.5), (-128.0, 127.0))
WORDS = {"rgb": "red, green, blue", "bgr": "blue, green, red", "grey3": "the grey picture in three channels"}
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
FREE = "free"
TEMPERATURES = np.geomspace(0.5, 30, 25)

SURE = 3.0
"""Standard errors by which labels must prefer an alternative."""
SURE_OF_ORDER = 0.9
"""The same for usual orders: the true order is ahead of every other by far, so less will do."""
SURE_OF_CROP, FAR_CROP = 0.5, 0.005
"""The same for crops where the batch norms' memory prefers the alternative too, and by how much it must."""
GAIN = 0.05
"""Nats per picture by which they must prefer it."""
RATIO, DISTANCE = 1.35, 0.0015
"""How many times nearer to the batch norms' memory an alternative must be, and by how much."""
REPLICATES = 100


@dataclass(frozen=True)
class Trial:
    """One way to feed the network.

    Attributes:
        check: which of `CHECKS` it belongs to.
        name: what differs, in words.
        line: the line of the study that asks for it.
        crop: which crops are fed.
        spec: how they are prepared.
    """

    check: str
    name: str
    line: str
    crop: str
    spec: InputSpec


_Row = tuple[str, str, float, str]


@dataclass(frozen=True)
class _Heard:
    """What a trial gave: log-probabilities ``(n, classes)``, and moments that reached each batch norm."""

    trial: Trial
    logs: np.ndarray
    moments: list[tuple[np.ndarray, np.ndarray]]


def check_model(
    model: Model, crops: Mapping[str, np.ndarray], labels: Sequence[str], given: str, *, seed: int = 0
) -> pd.DataFrame:
    """Find what is wrong with the way a network is loaded.

    Args:
        model: as the study loads it.
        crops: the same pictures cut in several ways, uint8 ``(n, h, w, 3)`` each, by the line of the study that asks
            for that crop.
        labels: the expression of each picture; those that the network does not know are left out.
        given: which of ``crops`` the study asks for.
        seed: of the bootstrap.

    Returns:
        One row for each check: ``check``, ``finding``, ``confidence`` (0..1; NaN where nothing can be told) and
        ``line``, the line of the study that mends it, or ``""``.

    Raises:
        InputError: if fewer than ten pictures or fewer than two classes are left.
    """
    keep = np.array([label in model.classes for label in labels])
    truth = np.array([model.classes.index(label) for label in np.asarray(labels, object)[keep]], int)
    if len(truth) < 10 or len(set(truth)) < 2:
        raise InputError(
            f"{len(truth)} pictures of {len(set(truth))} of its classes cannot tell whether it is loaded right",
            where=f"model {model.name!r}",
            mend="label about forty pictures of several expressions",
        )
    shots = {name: images[keep] for name, images in crops.items()}
    rng = np.random.default_rng(seed)
    base = _hear(model, shots, Trial("", "as given", "", given, model.input))
    trials = _trials(model, shots, given)
    heard = {trial.name: _hear(model, shots, trial) for trial in trials if trial.check != "crop"}
    order, _ = _order(base, truth, model.classes)
    rows = [
        _judged(check, base, [heard[t.name] for t in trials if t.check == check], order[truth], model, rng)
        for check in ("channel order", "range", "normalization", "grey")
    ]
    input_rows, mended = _one_fault(rows)
    # What follows is asked of the network as it should be fed, for a wrong input spoils the rest. So does a wrong crop:
    # it is judged by the order as given first, and by another order only if that crop does not explain everything.
    base = base if mended is None else heard[mended]
    cuts = {
        t.name: _hear(model, shots, replace(base.trial, check="crop", name=t.name, line=t.line, crop=t.crop))
        for t in trials
        if t.check == "crop"
    }
    cut_row = _judged("crop", base, list(cuts.values()), truth, model, rng)
    order, order_row = _order(cuts.get(cut_row[5], base), truth, model.classes)
    if order_row[3]:
        cut_row = _judged("crop", base, list(cuts.values()), order[truth], model, rng)
    found = pd.DataFrame([order_row, *input_rows, cut_row[:4]], columns=["check", "finding", "confidence", "line"])
    return found.set_index("check").loc[list(CHECKS)].reset_index()


def _trials(model: Model, shots: Mapping[str, np.ndarray], given: str) -> list[Trial]:
    spec, found = model.input, []
    coloured = bool((np.ptp(shots[given].astype(int), axis=-1) > 8).mean() > 0.02)
    if spec.channels != "grey" and coloured:
        for channels in ("rgb", "bgr", "grey3"):
            if channels != spec.channels:
                check = "grey" if "grey3" in (channels, spec.channels) else "channel order"
                other = replace(spec, channels=channels)
                found.append(Trial(check, WORDS[channels], f"input: {{channels: {channels}}}", given, other))
    seen = {spec}
    for check, other, name in _inputs(spec):
        if other not in seen:
            seen.add(other)
            found.append(Trial(check, name, _line(other), given, other))
    for crop in shots:
        if crop != given:
            found.append(Trial("crop", f"the crop of {crop}", crop, crop, spec))
    return found


def _inputs(spec: InputSpec) -> Iterator[tuple[str, InputSpec, str]]:
    """Ranges and normalizations that networks are usually trained with: the check, the input, and its name."""
    count = spec.depth
    for low, high in RANGES:
        said = f"{low:g} to {high:g}"
        yield "range", replace(spec, range=(low, high)), f"range {said}"
        plain = replace(spec, range=(low, high), mean=None, std=None)
        yield "normalization", plain, f"range {said} without mean and deviation"
    mean, std = (part if count == 3 else (float(np.mean(part)),) for part in IMAGENET)
    yield "normalization", replace(spec, range=(0.0, 1.0), mean=mean, std=std), "ImageNet's mean and deviation"


def _line(spec: InputSpec) -> str:
    """The line of a study that asks for this range and normalization."""
    parts = [f"range: [{spec.range[0]:g}, {spec.range[1]:g}]"]
    for name, values in (("mean", spec.mean), ("std", spec.std)):
        parts += [] if values is None else [f"{name}: [{', '.join(f'{v:.4g}' for v in values)}]"]
    return f"input: {{{', '.join(parts)}}}"


def _hear(model: Model, shots: Mapping[str, np.ndarray], trial: Trial) -> _Heard:
    images = shots[trial.crop]
    fed = replace(model, input=trial.spec)
    norms = [m for m in model.module.modules() if isinstance(m, nn.BatchNorm2d) and m.running_mean is not None]
    kept: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {k: [] for k in range(len(norms))}

    def note(k: int) -> Any:
        def hook(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
            kept[k].append((args[0].mean((2, 3)), args[0].square().mean((2, 3))))

        return hook

    handles = [norm.register_forward_pre_hook(note(k)) for k, norm in enumerate(norms)]
    outs = []
    try:
        with torch.no_grad():
            for start in range(0, len(images), 64):
                out = model.module(fed.prepare(np.ascontiguousarray(images[start : start + 64]))).float()
                outs.append(out.log_softmax(1) if model.output == "logits" else out.clamp_min(1e-7).log())
    finally:
        for handle in handles:
            handle.remove()
    moments = [
        (
            torch.cat([a for a, _ in kept[k]]).double().cpu().numpy(),
            torch.cat([b for _, b in kept[k]]).double().cpu().numpy(),
        )
        for k in range(len(norms))
        if sum(len(a) for a, _ in kept[k]) == len(images)
    ]
    return _Heard(trial, torch.cat(outs).cpu().double().numpy(), moments)


def likelihood(logs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Each picture's log-probability of its label, at the temperature that suits all pictures best; ``(n,)``."""
    scaled = logs[None] / TEMPERATURES[:, None, None]
    scaled = scaled - scaled.max(-1, keepdims=True)
    normal = scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))
    each = normal[:, np.arange(len(truth)), truth]
    return np.asarray(each[each.mean(1).argmax()])


def _preference(base: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Mean gain in nats, and how many standard errors it is from none."""
    gain = np.clip(other, -8, 0) - np.clip(base, -8, 0)
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return float(gain.mean()), float(gain.mean() / max(error, 1e-9))


def _order(base: _Heard, truth: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, _Row]:
    """Which output each class should be read from, and the finding."""
    n = len(classes)
    same = np.arange(n)
    own = likelihood(base.logs, truth)
    candidates: dict[str, np.ndarray] = {}
    for name, order in ORDERS.items():
        usual = [one for one in order if one in classes]
        candidates[name] = np.array([usual.index(one) for one in classes])
    candidates[FREE] = _assigned(base.logs, truth, n)
    scored = []
    for name, outputs in candidates.items():
        if (outputs == same).all():
            continue
        reached = likelihood(base.logs, outputs[truth])
        if name == FREE:
            reached = _crossed(base.logs, truth, n)
        gain, sure = _preference(own, reached)
        scored.append((gain, sure, name, outputs))
    listed = [one for one in scored if one[2] != FREE]
    free = next((one for one in scored if one[2] == FREE), (0.0, -np.inf, FREE, same))
    chosen = max(listed, default=(0.0, -np.inf, "", same), key=lambda one: one[0])
    if chosen[1] >= SURE_OF_ORDER and chosen[0] >= 2 * GAIN:
        # A usual order may be nearer the truth than the one given, and still not be it.
        better = _preference(likelihood(base.logs, chosen[3][truth]), _crossed(base.logs, truth, n))
        chosen = free if better[1] >= 2.0 and better[0] >= 2 * GAIN else chosen
    else:
        rank = _rank(base.logs, truth, n)
        # By far not the order, hardly the order, or an order that is much like it but plainly worse.
        far = rank > 0.03 and free[1] >= 0.6
        hardly = rank > 0.006 and free[1] >= 2.0 and free[0] >= 6 * GAIN
        near = free[1] >= SURE + 0.5 and free[0] >= 6 * GAIN
        if not (far or hardly or near):
            return same, ("class order", "as the labels say", 1 - rank, "")
        chosen = free
    _, sure, name, outputs = chosen
    by_output = [classes[int(np.flatnonzero(outputs == k)[0])] for k in range(n)]
    said = "another order" if name == FREE else f"{name} order"
    line = f"classes: [{', '.join(by_output)}]"
    return outputs, ("class order", f"wrong: the outputs are in {said}", _sure(sure), line)


def _assigned(logs: np.ndarray, truth: np.ndarray, n: int) -> np.ndarray:
    """The output that suits each class best, each output used once; classes without pictures take what is left."""
    mean = np.full((n, n), 0.0)
    for k in set(truth):
        mean[k] = np.clip(logs[truth == k], -8, 0).sum(0)
    # Classes without pictures prefer their own output a little.
    mean += 1e-6 * np.eye(n)
    rows, columns = optimize.linear_sum_assignment(-mean)
    found = np.empty(n, int)
    found[rows] = columns
    return found


def _rank(logs: np.ndarray, truth: np.ndarray, n: int) -> float:
    """Share of random orders that suit the labels as well as the given one: nearly none where it is right."""
    rng = np.random.default_rng(0)
    clipped = np.clip(logs, -8, 0)
    here = clipped[np.arange(len(truth)), truth].mean()
    orders = np.array([rng.permutation(n) for _ in range(1000)])
    others = clipped[np.arange(len(truth)), orders[:, truth]].mean(1)
    return float(np.mean(others >= here))


def _crossed(logs: np.ndarray, truth: np.ndarray, n: int) -> np.ndarray:
    """Each picture's log-probability under an assignment that was found without it (ten parts)."""
    out = np.empty(len(truth))
    part = np.argsort(np.argsort(truth, kind="stable")) % 10
    for k in range(10):
        held = part == k
        if held.any():
            outputs = _assigned(logs[~held], truth[~held], n)
            out[held] = np.clip(likelihood(logs, outputs[truth])[held], -8, 0)
    return out


def mismatch(
    moments: list[tuple[np.ndarray, np.ndarray]], norms: list[nn.BatchNorm2d], weights: np.ndarray
) -> np.ndarray:
    """Mean over batch norms of the median divergence between what reached a channel and what it remembers.

    The divergence is Kullback and Leibler's between normal distributions, in nats.

    Args:
        moments: for each batch norm, means and mean squares of each picture and channel, ``(n, channels)``.
        norms: the batch norms.
        weights: ``(..., n)``, how much each picture counts; the last axis sums to 1.

    Returns:
        ``(...)``.
    """
    parts = []
    for (first, second), norm in zip(moments, norms, strict=True):
        mean = weights @ first
        variance = np.maximum(weights @ second - mean**2, 0) + norm.eps
        assert norm.running_mean is not None
        assert norm.running_var is not None
        told, spread = norm.running_mean.cpu().double().numpy(), norm.running_var.cpu().double().numpy() + norm.eps
        each = 0.5 * ((mean - told) ** 2 / spread + variance / spread - 1 - np.log(variance / spread))
        parts.append(np.median(each, axis=-1))
    return np.asarray(np.mean(parts, axis=0))


def _memory(base: _Heard, other: _Heard, model: Model, rng: np.random.Generator) -> tuple[float, float, float]:
    """Mismatch as given and under the alternative, and the share of resamples in which the latter is nearer."""
    norms = [m for m in model.module.modules() if isinstance(m, nn.BatchNorm2d) and m.running_mean is not None]
    if not norms or len(base.moments) != len(norms) or len(other.moments) != len(norms):
        return float("nan"), float("nan"), float("nan")
    n = len(base.logs)
    even = np.full(n, 1 / n)
    own, theirs = (float(mismatch(one.moments, norms, even)) for one in (base, other))
    if not (theirs * RATIO < own and own - theirs > DISTANCE):
        return own, theirs, 0.0
    weights = rng.multinomial(n, even, REPLICATES) / n
    wins = mismatch(other.moments, norms, weights) < mismatch(base.moments, norms, weights)
    return own, theirs, float(wins.mean())


def _judged(
    check: str, base: _Heard, others: list[_Heard], truth: np.ndarray, model: Model, rng: np.random.Generator
) -> tuple[str, str, float, str, float, str]:
    """The finding of one check, how strong it is, and the name of the trial that fits better."""
    if not others:
        why = "the network takes grey pictures" if model.input.channels == "grey" else "the pictures have no colour"
        return check, f"cannot be told: {why}", float("nan"), "", 0.0, ""
    own = likelihood(base.logs, truth)
    best: tuple[float, float, _Heard] | None = None
    doubt = 1.0
    for one in others:
        gain, sure = _preference(own, likelihood(one.logs, truth))
        before, after, share = _memory(base, one, model, rng)
        against = np.isfinite(before) and after > before * RATIO and after - before > DISTANCE
        by_labels = sure >= SURE and gain >= GAIN and not (against and check != "crop")
        by_memory = np.isfinite(share) and share >= 0.95 and sure > -2.0
        if check == "crop":
            # What a crop shows changes what reaches batch norms even where it is right: labels must lean that way too.
            by_memory = by_memory and sure > SURE_OF_CROP and before - after > FAR_CROP
        doubt = min(doubt, _sure(-sure))
        if by_labels or by_memory:
            strength = max(gain if by_labels else 0.0, np.log(before / after) if by_memory else 0.0)
            confidence = max(_sure(sure) if by_labels else 0.0, float(share) if by_memory else 0.0)
            if best is None or strength > best[0]:
                best = (float(strength), confidence, one)
    if best is None:
        return check, "nothing else fits better", doubt, "", 0.0, ""
    strength, confidence, one = best
    return check, f"wrong: {one.trial.name} fits better", confidence, one.trial.line, strength, one.trial.name


def _one_fault(rows: Sequence[tuple[str, str, float, str, float, str]]) -> tuple[list[_Row], str | None]:
    """Range, normalization, channel order and grey explain one another: of those found, the strongest stays.

    Also returns the name of its trial; None where nothing was found.
    """
    linked = [row for row in rows if row[3]]
    strongest = max(linked, key=lambda row: row[4]) if linked else None
    out = []
    for row in rows:
        check, finding, confidence, line = row[:4]
        if strongest is not None and line and row is not strongest:
            finding, line = f"explained by the {strongest[0]}", ""
        out.append((check, finding, confidence, line))
    return out, None if strongest is None else strongest[5]


def _sure(errors: float) -> float:
    return float(stats.norm.cdf(errors))


def contradiction(labels: Sequence[str], probabilities: np.ndarray, classes: Sequence[str]) -> str:
    """A line that warns where labels at hand contradict a network's order of classes; ``""`` where they do not.

    Args:
        labels: the expression of each picture.
        probabilities: ``(n, classes)``, what the network said of them.
        classes: the order in which the study reads its outputs.
    """
    keep = np.array([label in classes for label in labels], bool)
    truth = np.array([list(classes).index(label) for label in np.asarray(labels, object)[keep]], int)
    if len(truth) < 20 or len(set(truth)) < 2:
        return ""
    logs = np.log(np.clip(np.asarray(probabilities, np.float64)[keep], 1e-7, 1))
    heard = _Heard(Trial("", "as given", "", "", InputSpec((1, 1))), logs, [])
    _, (_, finding, confidence, line) = _order(heard, truth, classes)
    if not line:
        return ""
    return f"the labels contradict the order of its classes ({finding}, confidence {confidence:.3f}); try {line}"
