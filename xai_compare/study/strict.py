"""What all parts of a study share: no key is unknown, and defaults are checked too."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of a study in which an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", validate_default=True)
