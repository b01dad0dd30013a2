"""Simulated clips of faces and eyes, in which all is known: what was reported, what was shown where, what eyes told.

Nothing here is measured on people. The structure is that of Liu et al. (2024); the numbers are invented, so that a
network's score has a known ceiling, and what its heads should look at is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from xai_compare.emotion.clips import Clip, Clips, prepared_table
from xai_compare.emotion.protocols import CLASSES
from xai_compare.errors import InputError
from xai_compare.synthetic.eye_sequences import EYE_FEATURES, draw_sequences
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.render import render

NEUTRAL = CLASSES.index("neutral")
SEEN = (0.55, 0.30, 0.15)
"""The seen expression, shown at the mouth: that of the self-report, neutral, another one (equally likely)."""
LEAKED = (0.50, 0.35, 0.15)
"""What the brows and lids show of the self-report, likewise, drawn independently of the mouth."""
MOUTH = dict(zip(CLASSES, ((12,), (15,), (20, 25), (10,), (26,), (23,), ()), strict=True))
"""The action units of the mouth that show each class."""
EYES = dict(zip(CLASSES, ((6, 7), (1, 4), (5,), (9,), (1, 2), (4, 7), ()), strict=True))
"""The action units of brows and lids that show each class."""
_VALENCE = dict(zip(CLASSES, (0.7, -0.6, -0.6, -0.6, 0.1, -0.6, 0.0), strict=True))
_AROUSAL = dict(zip(CLASSES, (0.3, -0.4, 0.6, 0.2, 0.7, 0.6, -0.3), strict=True))
RATERS = {"fer_machine": 0.60, "fer_expert_1": 0.90, "fer_expert_2": 0.80, "fer_expert_3": 0.70, "fer_expert_4": 0.55}
"""How often each simulated rater names the seen expression; otherwise another one, equally likely."""


@dataclass(frozen=True)
class SimulatedClips:
    """Simulated clips and all that is known about them; the first axis counts clips.

    Attributes:
        clips: what a network is given; its table says that it is simulated.
        reported, seen, leaked: int ``(n,)``, places in `CLASSES`: the self-report, what the mouth shows, what brows and
            lids show.
        landmarks: float64 ``(n, frames, 68, 2)``, x and y in pixels.
        face, eye, fixation: the clips' arrays, stacked.
    """

    clips: Clips
    reported: np.ndarray
    seen: np.ndarray
    leaked: np.ndarray
    landmarks: np.ndarray
    face: np.ndarray = field(repr=False)
    eye: np.ndarray = field(repr=False)
    fixation: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.reported)


def simulate_clips(
    n_people: int = 60,
    per_person: int = 20,
    seed: int = 0,
    *,
    side: int = 64,
    frames: int = 8,
    steps: int = 32,
) -> SimulatedClips:
    """Draw people, what they report, and what face and eyes then do.

    The self-report is uniform over seven classes. The mouth shows the seen expression (`SEEN`), brows and lids leak the
    self-report (`LEAKED`), and eye samples and fixations depend on the self-report, on an offset of the person's and on
    autocorrelated noise (see `xai_compare.synthetic.eye_sequences`). Given the self-report all three are independent.

    Args:
        n_people, per_person: how many people, and clips of each.
        seed: equal seeds give equal clips.
        side: height and width of frames in pixels, at least 32.
        frames, steps: of the face, and of eye and fixation samples.

    Raises:
        InputError: if any number is below 1.
    """
    if min(n_people, per_person, frames, steps) < 1:
        raise InputError("a simulation needs people, clips, frames and steps", hint="give at least 1 of each")
    n = n_people * per_person
    rng = np.random.default_rng([seed, 21])
    reported = rng.integers(0, len(CLASSES), n)
    seen, leaked = draw_shown(reported, SEEN, rng), draw_shown(reported, LEAKED, rng)
    person = np.repeat(np.arange(n_people), per_person)
    eye, fixation = draw_sequences(reported, person, steps, rng)
    level = rng.uniform(0.55, 1.0, n)
    face = np.empty((n, frames, side, side, 3), np.uint8)
    landmarks = np.empty((n, frames, 68, 2))
    identities = [Identity.random(int(s)) for s in np.random.SeedSequence([seed, 20]).generate_state(n_people)]
    for i in range(n):
        face[i], landmarks[i] = _film(
            identities[person[i]], CLASSES[seen[i]], CLASSES[leaked[i]], level[i], frames, side, rng
        )
    table = _table(reported, seen, level, person, rng)
    drawn = [
        Clip(name, who, face[i], eye[i], fixation[i])
        for i, (name, who) in enumerate(zip(table["clip"], table["person"], strict=True))
    ]
    clips = Clips(table, drawn.__getitem__, EYE_FEATURES, True, "simulated clips")
    return SimulatedClips(clips, reported, seen, leaked, landmarks, face, eye, fixation)


def draw_shown(reported: np.ndarray, chances: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """What is shown, int ``(n,)``, given what is reported: draws from `shown_given_reported`."""
    table = shown_given_reported(chances).cumsum(1)
    return np.asarray((rng.random(len(reported))[:, None] > table[reported]).sum(1).clip(max=len(CLASSES) - 1))


def shown_given_reported(chances: Sequence[float]) -> np.ndarray:
    """The probability of what is shown (column) given what is reported (row), float64 ``(7, 7)``.

    Args:
        chances: of the same class, of neutral, of any other one; where neutral is reported the first two are one.
    """
    same, neutral, other = chances
    table = np.zeros((len(CLASSES),) * 2)
    for k in range(len(CLASSES)):
        rest = [j for j in range(len(CLASSES)) if j not in (k, NEUTRAL)]
        table[k, rest] = other / len(rest)
        table[k, k] += same
        table[k, NEUTRAL] += neutral
    return table


def eye_region(landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The region of brows and eyes, bool ``(h, w)``: the hull of their landmarks and of the root of the nose."""
    return _hull(np.concatenate([landmarks[17:28], landmarks[36:48]]), size)


def mouth_region(landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The region of the mouth, bool ``(h, w)``: the hull of its landmarks."""
    return _hull(landmarks[48:68], size)


def _hull(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from scipy.spatial import ConvexHull
    from skimage.draw import polygon2mask

    corners = points[ConvexHull(points).vertices]
    # A little wider than the landmarks, for skin folds around them.
    centre = corners.mean(0)
    return np.asarray(polygon2mask(size, (centre + 1.15 * (corners - centre))[:, ::-1]))


def _film(
    identity: Identity, seen: str, leaked: str, level: float, frames: int, side: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Frames in which an expression comes and goes, with small movements of the head and of the light."""
    shift, zoom, roll = rng.uniform(-0.012, 0.012, 2), rng.uniform(0.95, 1.03), rng.normal(0, 1.5)
    images, points = [], []
    for k in range(frames):
        rise = 0.55 + 0.45 * np.sin(np.pi * (k + 0.5) / frames)
        strength = float(np.clip(level * rise, 0, 1))
        units = dict.fromkeys(MOUTH[seen], strength) | dict.fromkeys(EYES[leaked], strength)
        moved = shift + rng.normal(0, 0.002, 2)
        drawn = render(
            identity,
            units,
            size=(side, side),
            zoom=float(zoom),
            shift=(float(moved[0]), float(moved[1])),
            roll=float(roll + rng.normal(0, 0.3)),
            regions=False,
        )
        light = drawn.image * rng.normal(1, 0.02) + rng.normal(0, 3, drawn.image.shape)
        images.append(np.clip(light, 0, 255).astype(np.uint8))
        points.append(drawn.landmarks)
    return np.stack(images), np.stack(points)


def _table(
    reported: np.ndarray, seen: np.ndarray, level: np.ndarray, person: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(reported)
    per_person = np.bincount(person).max()
    columns: dict[str, object] = {
        "clip": [f"simulated_{p:03d}_{k % per_person:02d}" for k, p in enumerate(person)],
        "person": [f"simulated_{p:03d}" for p in person],
        "file": [f"clips/simulated_{p:03d}_{k % per_person:02d}.npz" for k, p in enumerate(person)],
        "simulated": True,
        "er": [CLASSES[k] for k in reported],
        "fer": [CLASSES[k] for k in seen],
    }
    for whose, classes in (("er", reported), ("fer", seen)):
        for what, centre in (("valence", _VALENCE), ("arousal", _AROUSAL)):
            middle = np.array([centre[CLASSES[k]] for k in classes])
            columns[f"{whose}_{what}"] = np.clip(middle + rng.normal(0, 0.15, n), -1, 1).round(3)
    strength = np.where(seen == NEUTRAL, 0.1, level)
    columns["fer_intensity"] = np.clip(3 * strength + rng.normal(0, 0.15, n), 0, 3).round(3)
    for rater, chance in RATERS.items():
        wrong = (seen + rng.integers(1, len(CLASSES), n)) % len(CLASSES)
        columns[rater] = [CLASSES[k] for k in np.where(rng.random(n) < chance, seen, wrong)]
    return prepared_table(pd.DataFrame(columns), "simulated clips")
