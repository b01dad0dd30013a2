"""The one vocabulary of expressions: lower-case nouns, with the usual aliases."""

from __future__ import annotations

from collections.abc import Iterable

from xai_compare.errors import InputError, nearest

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt")
"""Every expression the package knows, in the order of tables and figures."""

BASIC = EXPRESSIONS[:6]
"""Ekman's six basic expressions, those that have an EMFACS mask."""

_ALIASES = {
    "anger": "angry ang an irritation",
    "disgust": "disgusted dis di",
    "fear": "fearful afraid scared fea fe",
    "happiness": "happy joy joyful smile hap ha",
    "sadness": "sad sorrow unhappy sa",
    "surprise": "surprised astonished sur su",
    "neutral": "calm neutrality neu ne no_expression",
    "contempt": "contemptuous con",
}
ALIASES: dict[str, str] = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases.split())}


def canonical(name: str) -> str:
    """Return the vocabulary's noun for ``name``, whatever its case or usual alias.

    Raises:
        InputError: if no expression has that name.

    >>> canonical("Happy"), canonical("SURPRISED")
    ('happiness', 'surprise')
    """
    key = str(name).strip().lower().replace(" ", "_").replace("-", "_")
    if key not in ALIASES:
        raise InputError(f"unknown expression {name!r}", hint=nearest(key, EXPRESSIONS))
    return ALIASES[key]


def ordered(names: Iterable[str]) -> list[str]:
    """Return the distinct ``names``, vocabulary first and in its order, others (such as pairs) sorted after."""
    names = set(names)
    return [name for name in EXPRESSIONS if name in names] + sorted(names - set(EXPRESSIONS))
