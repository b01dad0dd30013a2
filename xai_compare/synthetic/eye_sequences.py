"""Simulated eye samples and fixations, and the best that anybody could do with them: the Bayes ceiling.

Feature k of a clip of person p whose self-report is e is ``x(t) = offset[p, k] + effect[e, k] * rise(t) + noise(t)``,
with ``rise(t) = 1 - exp(-t / 8)`` in samples, offsets of standard deviation 1 and AR(1) noise of standard deviation 1
and autocorrelation 0.8. Six eye features and both coordinates of the gaze have an effect, four more eye features have
none, and the other 29 are fixed mixtures of those ten, as the columns of an eye tracker repeat one another. All is
Gaussian, so that the likelihood of each class is known exactly. A clip is judged by itself, as networks judge it: the
other clips of its person are not used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xai_compare.emotion.protocols import CLASSES

EYE_FEATURES = (
    "pupil_left",
    "pupil_right",
    "openness_left",
    "openness_right",
    "blink_share",
    "gaze_speed",
    *(f"gaze_{what}_{side}_{axis}" for what in ("direction", "origin") for side in ("left", "right") for axis in "xyz"),
    "saccade_amplitude",
    "saccade_rate",
    "saccade_peak_speed",
    "fixation_duration",
    "fixation_rate",
    "event_type",
    *(f"mixture_{k + 1}" for k in range(15)),
)
"""39 of them; the first six depend on the self-report, as do both coordinates of the fixations."""
AUTOCORRELATION = 0.8
INFORMATIVE = 6
IDLE = 4
STRENGTH = 1.0
_SCALE, _CENTRE = np.full(39, 1.0), np.zeros(39)
_SCALE[:6], _CENTRE[:6] = (0.3, 0.3, 0.1, 0.1, 0.05, 20.0), (3.4, 3.4, 0.8, 0.8, 0.1, 60.0)


def effects() -> np.ndarray:
    """The effect of each class on each of the eight features that have one, float64 ``(7, 8)``; the last two gaze."""
    table = np.random.default_rng(20_24).standard_normal((len(CLASSES), INFORMATIVE + 2))
    return STRENGTH * (table - table.mean(0)) / table.std(0)


def rise(steps: int) -> np.ndarray:
    """The share of an effect that is there after each sample, float64 ``(steps,)``."""
    return 1 - np.exp(-np.arange(steps) / 8)


def draw_sequences(
    reported: np.ndarray, person: np.ndarray, steps: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Eye samples float32 ``(n, steps, 39)`` in made-up units, fixations float32 ``(n, steps, 2)`` of the screen."""
    n, latent = len(reported), INFORMATIVE + IDLE + 2
    offsets = rng.standard_normal((int(person.max()) + 1, latent))[person]
    noise = rng.standard_normal((n, steps, latent))
    for t in range(1, steps):
        noise[:, t] = AUTOCORRELATION * noise[:, t - 1] + np.sqrt(1 - AUTOCORRELATION**2) * noise[:, t]
    values = noise + offsets[:, None]
    signal = effects()[reported][:, None] * rise(steps)[:, None]
    values[..., :INFORMATIVE] += signal[..., :INFORMATIVE]
    values[..., -2:] += signal[..., INFORMATIVE:]
    eyes = values[..., : INFORMATIVE + IDLE]
    eye = _CENTRE + _SCALE * np.concatenate([eyes, eyes @ mixtures()], -1)
    return eye.astype(np.float32), (0.5 + 0.08 * values[..., -2:]).astype(np.float32)


def mixtures() -> np.ndarray:
    """How the last 29 eye features are made of the first ten, float64 ``(10, 29)``."""
    table = np.random.default_rng(20_25).standard_normal((INFORMATIVE + IDLE, len(EYE_FEATURES) - INFORMATIVE - IDLE))
    return table / np.linalg.norm(table, axis=0)


def covariance(steps: int) -> np.ndarray:
    """Of the samples of one feature, whoever the person is: float64 ``(steps, steps)``."""
    lag = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps)))
    return AUTOCORRELATION**lag + 1.0


def log_likelihood(eye: np.ndarray | None, fixation: np.ndarray | None) -> np.ndarray:
    """The log likelihood of each class, up to a constant of the clip, float64 ``(n, 7)``; either may be None."""
    total: np.ndarray | float = 0.0
    for values, centre, scale, columns in (
        (eye, _CENTRE[:INFORMATIVE], _SCALE[:INFORMATIVE], slice(0, INFORMATIVE)),
        (fixation, 0.5, 0.08, slice(INFORMATIVE, INFORMATIVE + 2)),
    ):
        if values is None:
            continue
        x = (values[..., : columns.stop - columns.start].astype(float) - centre) / scale
        steps = x.shape[1]
        weights = np.linalg.solve(covariance(steps), rise(steps))
        # Linear in what was seen: the matched filter of the rise, through the inverse covariance.
        matched, power = np.einsum("ntk,t->nk", x, weights), float(weights @ rise(steps))
        effect = effects()[:, columns]
        total = total + matched @ effect.T - 0.5 * power * (effect**2).sum(1)
    return np.asarray(total)


def draw_log_likelihoods(
    reported: np.ndarray, steps: int, rng: np.random.Generator, modalities: Sequence[str]
) -> np.ndarray:
    """`log_likelihood` of clips that are never drawn, only their sufficient statistics: float64 ``(n, 7)``.

    The matched filter of a Gaussian signal is Gaussian itself, with mean ``power * effect`` and variance ``power``, so
    that one number a feature stands for all samples of a clip, and 200,000 clips are drawn in a second.
    """
    weights = np.linalg.solve(covariance(steps), rise(steps))
    power = float(weights @ rise(steps))
    total = np.zeros((len(reported), len(CLASSES)))
    for name, columns in (("eye", slice(0, INFORMATIVE)), ("fixation", slice(INFORMATIVE, INFORMATIVE + 2))):
        if name in modalities:
            effect = effects()[:, columns]
            matched = power * effect[reported] + np.sqrt(power) * rng.standard_normal((len(reported), effect.shape[1]))
            total += matched @ effect.T - 0.5 * power * (effect**2).sum(1)
    return total
