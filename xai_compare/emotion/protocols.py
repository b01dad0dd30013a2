"""The seven protocols of Liu et al. (2024, section V-A) and the columns of labels that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from xai_compare.errors import InputError
from xai_compare.expressions import canonical

CAUTION = (
    "A self-report is what a person says, a seen expression is what others see; neither is the person's emotion, "
    "and neither may be used to decide about people."
)
"""Stands under every table and figure of this room."""

CLASSES = ("happiness", "sadness", "fear", "disgust", "surprise", "anger", "neutral")
"""The seven classes, in the paper's order."""
COARSE = ("positive", "negative", "neutral")
_COARSE_OF = {"happiness": "positive", "neutral": "neutral"} | dict.fromkeys(
    ("sadness", "fear", "disgust", "anger"), "negative"
)
TITLES = {"er": "self-report", "fer": "seen expression"}


@dataclass(frozen=True)
class Protocol:
    """What is predicted, and how it is trained.

    Attributes:
        name: such as ``"er_7"``.
        head: the head that is scored: ``er``, ``fer`` or ``intensity``.
        column: of `clips.csv`.
        kind: ``"classes"`` or ``"value"``.
        classes: of a protocol of classes.
        range: of a value.
        task: which network (see `EMERT`).
    """

    name: str
    head: str
    column: str
    kind: Literal["classes", "value"]
    classes: tuple[str, ...] = ()
    range: tuple[float, float] = (-1.0, 1.0)

    @property
    def task(self) -> Literal["classification", "regression", "intensity"]:
        """The network's task."""
        if self.head == "intensity":
            return "intensity"
        return "classification" if self.kind == "classes" else "regression"

    @property
    def title(self) -> str:
        """What tables call it; never somebody's emotion."""
        whose = TITLES["er" if self.column.startswith("er") else "fer"]
        return f"{whose}, {len(self.classes)} classes" if self.classes else f"{whose}, {self.column.split('_')[1]}"


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for head in ("er", "fer")
    for protocol in (
        Protocol(f"{head}_3", head, f"{head}_coarse", "classes", COARSE),
        Protocol(f"{head}_7", head, head, "classes", CLASSES),
        Protocol(f"{head}_valence", head, f"{head}_valence", "value"),
        Protocol(f"{head}_arousal", head, f"{head}_arousal", "value"),
    )
}
PROTOCOLS["fer_intensity"] = Protocol("fer_intensity", "intensity", "fer_intensity", "value", (), (0.0, 3.0))
"""Seven protocols in the paper's count, which takes valence and arousal as one: nine columns of labels."""


def partner(protocol: Protocol) -> Protocol:
    """The protocol whose head is trained beside this one's on the same trunk."""
    if protocol.head == "intensity":
        return PROTOCOLS["fer_7"]
    other = "fer" if protocol.head == "er" else "er"
    return PROTOCOLS[protocol.name.replace(protocol.head, other, 1)]


def with_coarse(table: pd.DataFrame) -> pd.DataFrame:
    """Labels with the columns ``er_coarse`` and ``fer_coarse``, derived where they are not given.

    Happiness is positive, and sadness, fear, disgust and anger are negative. Surprise can be either, which the paper
    leaves open: its sign is that of the clip's own valence (0 is positive), and without one it stays missing.
    """
    table = table.copy()
    for whose in ("er", "fer"):
        if f"{whose}_coarse" in table or whose not in table:
            continue
        coarse = table[whose].map(_COARSE_OF)
        surprised = table[whose] == "surprise"
        if f"{whose}_valence" in table:
            valence = table[f"{whose}_valence"]
            coarse[surprised & (valence >= 0)] = "positive"
            coarse[surprised & (valence < 0)] = "negative"
        table[f"{whose}_coarse"] = coarse
    return table


def checked_labels(table: pd.DataFrame, where: object) -> pd.DataFrame:
    """The table with canonical nouns and numbers in range.

    Raises:
        InputError: for an unknown class, or a value outside its range; the line names the clip.
    """
    table = table.copy()
    for name in ("er", "fer"):
        if name in table:
            nouns = [_noun(value, name, clip, where) for value, clip in zip(table[name], table["clip"], strict=True)]
            table[name] = pd.Series(nouns, index=table.index, dtype=object)
    for protocol in PROTOCOLS.values():
        if protocol.column not in table:
            continue
        values = table[protocol.column]
        if protocol.kind == "value":
            numbers = pd.to_numeric(values, errors="coerce")
            low, high = protocol.range
            bad = (values.notna() & numbers.isna()) | (numbers < low) | (numbers > high)
            what, hint = f"lies outside [{low:g}, {high:g}]", "rescale the ratings"
            table[protocol.column] = numbers.astype(float)
        else:
            bad = values.notna() & ~values.isin(protocol.classes)
            what, hint = "is none of the classes", f"known: {', '.join(protocol.classes)}"
        if bad.any():
            first = table[bad].iloc[0]
            raise InputError(
                f"{protocol.column} of clip {first['clip']!r}, {values[bad].iloc[0]}, {what}", where=where, hint=hint
            )
    return table


def _noun(value: object, column: str, clip: str, where: object) -> object:
    if pd.isna(value):  # type: ignore[call-overload]
        return None
    try:
        return canonical(str(value))
    except InputError as error:
        raise InputError(f"{column} of clip {clip!r}: {error.what}", where=where, hint=error.hint) from None
