"""From clips to what a network is fed: frames and steps evenly taken, gaps interpolated, features standardized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from xai_compare.emotion.blocks import MODALITIES, pooled_features
from xai_compare.emotion.clips import Clips
from xai_compare.errors import InputError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, as torchvision's ResNets are fed."""


@dataclass(frozen=True)
class Sizes:
    """What is taken from a clip; the paper's sizes by default (section V-A2).

    Attributes:
        frames: of the face, evenly spread over the clip.
        steps: of eye and fixation samples, likewise.
        side: height and width of a frame in pixels.
        longest_gap: of the eye samples, as a share of the clip; a longer run without data is an error.
    """

    frames: int = 8
    steps: int = 32
    side: int = 112
    longest_gap: float = 0.5

    def __post_init__(self) -> None:
        for name, most in (("frames", 10_000), ("steps", 100_000), ("side", 4096)):
            if not 1 <= getattr(self, name) <= most:
                raise InputError(f"{name} of {getattr(self, name)}", hint=f"give a number from 1 to {most:,}")


@dataclass
class ClipArrays:
    """Clips as arrays of one shape, ready for a network but for the standardization.

    Attributes:
        face: uint8 ``(n, frames, side, side, 3)``, or float32 ``(n, frames, f)`` if a backbone has read it, or None.
        eye: float32 ``(n, steps, features)`` or None.
        fixation: float32 ``(n, steps, 2)`` or None.
        names: of the clips.
    """

    face: np.ndarray | None
    eye: np.ndarray | None
    fixation: np.ndarray | None
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def part(self, which: np.ndarray) -> ClipArrays:
        """The clips at the given places."""
        chosen = {name: None if (values := getattr(self, name)) is None else values[which] for name in MODALITIES}
        return ClipArrays(**chosen, names=tuple(self.names[i] for i in which))


def evenly_spaced(length: int, count: int) -> np.ndarray:
    """Places of ``count`` of ``length`` things, evenly spread from the first to the last; repeated where too few.

    >>> evenly_spaced(300, 8).tolist()
    [0, 43, 85, 128, 171, 214, 256, 299]
    """
    return np.floor(np.linspace(0, length - 1, count) + 0.5).astype(int)


def interpolated(values: np.ndarray, where: object, longest_gap: float = 0.5) -> np.ndarray:
    """Samples ``(n, features)`` with NaN filled linearly, and by the nearest sample at either end.

    Raises:
        InputError: if a feature has no sample at all, or a run of NaN is longer than ``longest_gap`` of the clip.
    """
    values = np.asarray(values, np.float32)
    lost = ~np.isfinite(values)
    if not lost.any():
        return values
    values = values.copy()
    places = np.arange(len(values))
    for k in np.flatnonzero(lost.any(0)):
        bad = lost[:, k]
        run = _longest(bad)
        if run > longest_gap * len(values):
            what = f"feature {k} has no data in {run} of {len(values)} samples in a row"
            raise InputError(what, where=where, hint="leave the clip out, or record it again")
        values[bad, k] = np.interp(places[bad], places[~bad], values[~bad, k])
    return values


def clip_arrays(clips: Clips, modalities: Sequence[str] = MODALITIES, sizes: Sizes | None = None) -> ClipArrays:
    """Take from every clip what a network of ``modalities`` is fed.

    Raises:
        InputError: if a clip lacks a modality, has eye features of another width than the others, or too few samples.
    """
    sizes = sizes or Sizes()
    rows: dict[str, list[np.ndarray]] = {name: [] for name in modalities}
    width: int | None = None
    for clip in clips:
        where = f"{clips.where}, clip {clip.name!r}"
        for name in modalities:
            values = getattr(clip, name)
            if values is None or not len(values):
                raise InputError(f"it has no {name}", where=where, hint=f"leave it out, or leave {name} out")
            rows[name].append(_taken(name, values, sizes, where))
        if clip.eye is not None and "eye" in modalities:
            width = clip.eye.shape[1] if width is None else width
            if clip.eye.shape[1] != width:
                what = f"it has {clip.eye.shape[1]} eye features, the clips before it {width}"
                raise InputError(what, where=where, hint="give every clip the same features")
    stacked = {name: np.stack(rows[name]) if name in rows else None for name in MODALITIES}
    return ClipArrays(**stacked, names=tuple(map(str, clips.table["clip"])))


def _taken(name: str, values: np.ndarray, sizes: Sizes, where: str) -> np.ndarray:
    if name == "face":
        frames = values[evenly_spaced(len(values), sizes.frames)]
        return frames if frames.shape[1:3] == (sizes.side,) * 2 else _resized(frames, sizes.side)
    return interpolated(values, f"{where}, {name}", sizes.longest_gap)[evenly_spaced(len(values), sizes.steps)]


def _resized(frames: np.ndarray, side: int) -> np.ndarray:
    batch = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()
    batch = functional.interpolate(batch, (side, side), mode="bilinear", antialias=True)
    return batch.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


@dataclass(frozen=True)
class Scaler:
    """Means and scaler deviations of training data, by which eye and fixation features are standardized.

    Attributes:
        eye, fixation: float32 ``(2, features)``, mean and scaler deviation, or None.
    """

    eye: np.ndarray | None
    fixation: np.ndarray | None

    @classmethod
    def fit(cls, training: ClipArrays) -> Scaler:
        """From the training clips alone; a feature that never varies keeps its values less its mean."""
        return cls(*(None if values is None else _moments(values) for values in (training.eye, training.fixation)))

    def tensors(self, data: ClipArrays) -> dict[str, torch.Tensor | None]:
        """Float32 tensors by modality, as networks take them."""
        tensors: dict[str, torch.Tensor | None] = {"face": None if data.face is None else face_tensor(data.face)}
        for name in ("eye", "fixation"):
            values, moments = getattr(data, name), getattr(self, name)
            if values is not None and moments is None:
                raise InputError(f"the training data had no {name}", hint="standardize with training data that have it")
            tensors[name] = None if values is None else torch.from_numpy((values - moments[0]) / moments[1])
        return tensors


def face_tensor(face: np.ndarray) -> torch.Tensor:
    """Frames uint8 ``(..., h, w, 3)`` as float32 ``(..., 3, h, w)``, standardized; features pass."""
    if face.dtype != np.uint8:
        return torch.from_numpy(np.asarray(face, np.float32))
    batch = torch.from_numpy(face).float().div_(255)
    return ((batch - torch.tensor(MEAN)) / torch.tensor(STD)).movedim(-1, -3)


def read_faces(backbone: torch.nn.Module, data: ClipArrays, batch: int = 16) -> ClipArrays:
    """The clips with the features ``(n, frames, f)`` of a frozen backbone in place of frames.

    Raises:
        InputError: if the clips have no frames.
    """
    if data.face is None or data.face.dtype != np.uint8:
        raise InputError("there are no frames to read", hint="give the clips as clip_arrays() makes them")
    backbone.eval()
    parts = []
    with torch.no_grad():
        for start in range(0, len(data), batch):
            frames = face_tensor(data.face[start : start + batch])
            read = pooled_features(backbone, frames.flatten(0, 1))
            parts.append(read.unflatten(0, frames.shape[:2]).float().cpu().numpy())
    return replace(data, face=np.concatenate(parts))


def shuffled(data: ClipArrays, seed: int, names: Sequence[str] = ("eye", "fixation")) -> ClipArrays:
    """The clips, with the named modalities dealt out to other clips at random: whatever they say is lost."""
    order = np.random.default_rng(seed).permutation(len(data))
    mixed = {name: values[order] for name in names if (values := getattr(data, name)) is not None}
    return replace(data, **mixed)


def _moments(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    spread = flat.std(0)
    return np.stack([flat.mean(0), np.where(spread > 0, spread, 1.0)]).astype(np.float32)


def _longest(lost: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))
