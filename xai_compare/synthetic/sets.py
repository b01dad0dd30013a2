"""Sets of simulated faces: ordinary ones by expression, and ones whose label only chosen action units carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from xai_compare import ekman
from xai_compare.errors import InputError
from xai_compare.expressions import BASIC, canonical
from xai_compare.synthetic.anatomy import ACTION_UNITS
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.render import VISIBLE, changed, render

ANTAGONISTS = ((12, 15), (26, 27), (17, 26), (17, 27), (23, 25), (23, 27))
"""Action units that pull against each other; never drawn together by chance."""


@dataclass(frozen=True)
class SimulatedFaces:
    """Simulated faces and all that is known about them; the first axis counts faces.

    Attributes:
        images: uint8 ``(n, h, w, 3)``, sRGB.
        labels: the label of each face.
        subjects: who each face is, as text.
        landmarks: float64 ``(n, 68, 2)``, x and y in pixels, exact.
        regions: bool ``(n, h, w)``: the pixels that the label-carrying action units changed.
        action_units: number to intensity for each face, carriers and distractors.
        carriers: the label-carrying action units of each face.
    """

    images: np.ndarray
    labels: tuple[str, ...]
    subjects: tuple[str, ...]
    landmarks: np.ndarray
    regions: np.ndarray
    action_units: tuple[Mapping[int, float], ...]
    carriers: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.labels)


def units_of(expression: str) -> tuple[int, ...]:
    """The action units of an expression (EMFACS); none for neutral.

    Raises:
        InputError: if the expression is unknown, or has none in EMFACS.

    >>> units_of("sad"), units_of("neutral")
    ((1, 4, 15), ())
    """
    return () if canonical(expression) == "neutral" else tuple(ekman.action_units(expression))


def faces(
    expressions: Sequence[str] = BASIC,
    n_identities: int = 6,
    seed: int = 0,
    size: tuple[int, int] = (256, 256),
    *,
    intensity: tuple[float, float] = (0.65, 1.0),
    slips: float = 0.0,
) -> SimulatedFaces:
    """Faces of ``n_identities`` simulated people, each with every expression.

    Args:
        expressions: vocabulary nouns or their aliases.
        n_identities: how many people.
        seed: draws people, intensities and head positions; equal seeds give equal pictures.
        size: height and width in pixels.
        intensity: least and greatest intensity of the expression's action units.
        slips: chance that an action unit foreign to the expression moves a little (up to a quarter).

    Raises:
        InputError: if an expression is unknown or has no action units.

    >>> simulated = faces(["happiness", "neutral"], n_identities=2, size=(64, 64))
    >>> simulated.images.shape, simulated.labels
    ((4, 64, 64, 3), ('happiness', 'neutral', 'happiness', 'neutral'))
    """
    names = list(dict.fromkeys(canonical(name) for name in expressions))
    rng = np.random.default_rng([seed, 1])
    drawn: list[_Face] = []
    for identity in _people(n_identities, seed):
        for name in names:
            carriers = units_of(name)
            level = rng.uniform(*intensity)
            units = {u: float(np.clip(level + rng.normal(0, 0.06), intensity[0], 1)) for u in carriers}
            others = {u: float(rng.uniform(0, 0.25)) for u in ACTION_UNITS if u not in units and rng.random() < slips}
            drawn.append(_Face(identity, name, units, others))
    return _drawn(drawn, size, rng)


def known_answer(
    classes: Mapping[str, Sequence[int]],
    n_identities: int = 6,
    seed: int = 0,
    size: tuple[int, int] = (256, 256),
    *,
    intensity: tuple[float, float] = (0.65, 1.0),
    distraction: float = 0.3,
) -> SimulatedFaces:
    """Faces whose label is carried by chosen action units only.

    Every other action unit is a distractor: it moves at random, drawn before and independently of the label. Whatever
    separates the classes therefore lies in the regions of the carriers, and nowhere else in the picture. (A crop that
    follows the landmarks adds a little: carriers that move chin or brows, above all 26 and 27, change what is cut out.)

    Args:
        classes: label to the action units that carry it, such as ``{"happiness": [12], "neutral": []}``.
        n_identities: how many people; each appears once per label.
        seed: draws people, distractors, intensities and head positions.
        size: height and width in pixels.
        intensity: least and greatest intensity of the carriers, and of the distractors that move.
        distraction: chance that a distractor moves.

    Raises:
        InputError: if there are fewer than two classes, two share a set of action units, or an action unit is unknown.
    """
    sets = {label: tuple(units) for label, units in classes.items()}
    unknown = sorted({u for units in sets.values() for u in units} - set(ACTION_UNITS))
    if unknown:
        raise InputError(f"unknown action unit {unknown[0]!r}", hint=f"known: {', '.join(map(str, ACTION_UNITS))}")
    if len(sets) < 2 or len({frozenset(units) for units in sets.values()}) < len(sets):
        raise InputError("known_answer needs at least two classes with different action units")
    chosen = {u for units in sets.values() for u in units}
    # A distractor that fights a carrier would hide the answer.
    barred = {a if b in chosen else b for a, b in ANTAGONISTS if a in chosen or b in chosen}
    free = [u for u in ACTION_UNITS if u not in chosen and u not in barred]
    rng = np.random.default_rng([seed, 2])
    drawn: list[_Face] = []
    for identity in _people(n_identities, seed):
        for label, carriers in sets.items():
            others = _distractors(free, rng, intensity, distraction)
            drawn.append(_Face(identity, label, {u: float(rng.uniform(*intensity)) for u in carriers}, others))
    return _drawn(drawn, size, rng)


@dataclass(frozen=True)
class _Face:
    identity: Identity
    label: str
    carriers: Mapping[int, float]
    others: Mapping[int, float]


def _people(n_identities: int, seed: int) -> list[Identity]:
    if n_identities < 1:
        raise InputError(f"cannot draw {n_identities} identities", hint="draw at least one")
    return [
        Identity.random(number) for number in np.random.SeedSequence([seed, 0]).generate_state(n_identities).tolist()
    ]


def _distractors(
    free: Sequence[int], rng: np.random.Generator, intensity: tuple[float, float], chance: float
) -> dict[int, float]:
    moves = {u: float(rng.uniform(*intensity)) for u in free if rng.random() < chance}
    for first, second in ANTAGONISTS:
        if first in moves and second in moves:
            del moves[second]
    return moves


def _drawn(wanted: Sequence[_Face], size: tuple[int, int], rng: np.random.Generator) -> SimulatedFaces:
    """Draw each face twice, with and without what carries its label: the difference is the answer, to the pixel."""
    n = len(wanted)
    images = np.empty((n, *size, 3), np.uint8)
    landmarks = np.empty((n, 68, 2))
    regions = np.empty((n, *size), bool)
    people = {identity: f"simulated{k + 1:02d}" for k, identity in enumerate(dict.fromkeys(f.identity for f in wanted))}
    for k, face in enumerate(wanted):
        shift = float(rng.uniform(-0.015, 0.015)), float(rng.uniform(-0.015, 0.015))
        zoom, roll = float(rng.uniform(0.92, 1.04)), float(rng.normal(0, 2))
        draw = partial(render, face.identity, size=size, zoom=zoom, shift=shift, roll=roll, regions=False)
        whole = draw({**face.others, **face.carriers})
        images[k], landmarks[k] = whole.image, whole.landmarks
        regions[k] = changed(whole.image, draw(face.others).image, VISIBLE)
    return SimulatedFaces(
        images,
        tuple(face.label for face in wanted),
        tuple(people[face.identity] for face in wanted),
        landmarks,
        regions,
        tuple({**face.others, **face.carriers} for face in wanted),
        tuple(tuple(face.carriers) for face in wanted),
    )
