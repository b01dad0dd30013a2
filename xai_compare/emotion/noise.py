"""Gaussian noise on eye, face or both, in training or in testing (Liu et al. 2024, Table IX)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xai_compare.emotion.blocks import MODALITIES
from xai_compare.emotion.sampling import ClipArrays, Scaler
from xai_compare.errors import InputError

ON = {"eye": ("eye", "fixation"), "face": ("face",), "both": MODALITIES}


@dataclass(frozen=True)
class Noise:
    """Noise of a variance on what is seen.

    Attributes:
        variance: of grey values in [0, 1] for frames, and of standardized features for the others: the paper names
            0.01, 0.05 and 0.1 without saying of what.
        on: ``"eye"`` (eye samples and fixations), ``"face"`` or ``"both"``.
    """

    variance: float
    on: str = "both"

    def __post_init__(self) -> None:
        if not 0 <= self.variance < np.inf:
            raise InputError(f"a variance of {self.variance}", hint="give 0 or more")
        if self.on not in ON:
            raise InputError(f"noise on {self.on!r}", hint=f"known: {', '.join(ON)}")


def with_noise(data: ClipArrays, noise: Noise, scaler: Scaler, seed: int) -> ClipArrays:
    """The clips with noise on them; frames are clipped to what a picture can hold.

    Raises:
        InputError: if noise is asked for on frames that a backbone has already read.
    """
    rng = np.random.default_rng([seed, 9])
    spread = float(np.sqrt(noise.variance))
    changed: dict[str, Any] = {}
    for name in ON[noise.on]:
        if (values := getattr(data, name)) is None:
            continue
        if name == "face":
            changed[name] = _noisy_frames(values, spread, rng)
        else:
            deviations = getattr(scaler, name)[1]
            changed[name] = values + spread * deviations * rng.standard_normal(values.shape, np.float32)
    return replace(data, **changed)


def _noisy_frames(face: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    if face.dtype != np.uint8:
        raise InputError("noise belongs on frames, and these are features already", hint="give the frames themselves")
    noisy = np.empty_like(face)
    for k, frames in enumerate(face):
        noise = rng.standard_normal(frames.shape, np.float32) * (255 * spread)
        noisy[k] = np.clip(np.rint(frames + noise), 0, 255).astype(np.uint8)
    return noisy
