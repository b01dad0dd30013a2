"""The one door through which a run's own JSON is read back: sealed with a hash when written, checked when read.

Any file of a run directory may be empty, half, foreign or changed since. What does not fit its seal, or the model that
says what belongs there, counts as not there: whoever asked makes it again, or names the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from xai_compare.files import digest

SEAL = "check"


class Checked(BaseModel):
    """What belongs into a file; values of another type are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


M = TypeVar("M", bound=BaseModel)


def with_checksum(facts: Mapping[str, Any]) -> str:
    """Facts as one line of JSON, with a hash of themselves."""
    plain = json.loads(json.dumps(facts, default=str))
    return json.dumps({**plain, SEAL: digest(plain)})


def verify_checksum(text: str | bytes) -> dict[str, Any] | None:
    """The facts of a line of `with_checksum`; None if it is anything else, or was changed since."""
    try:
        facts = json.loads(text)
        if not isinstance(facts, dict) or facts.pop(SEAL, None) != digest(facts):
            return None
    except (ValueError, TypeError, RecursionError):
        return None
    return facts


def lacks_checksum(text: str | bytes) -> bool:
    """Whether this is JSON as earlier versions wrote it, without a seal."""
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return bool(facts) and (isinstance(facts, list) or (isinstance(facts, dict) and SEAL not in facts))


def fits(facts: Mapping[str, Any], model: type[M]) -> M | None:
    """Facts as their model; None if they do not fit it."""
    try:
        return model.model_validate_json(json.dumps(facts))  # In strict mode Python's own dicts are no dataclasses.
    except (ValidationError, RecursionError):
        return None
