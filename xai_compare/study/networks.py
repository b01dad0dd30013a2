"""The keys `models` and `explainers`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from xai_compare.errors import nearest
from xai_compare.expressions import canonical
from xai_compare.models.sources import SOURCES, keys_of, located
from xai_compare.registry import EXPLAINERS
from xai_compare.validation import Strict, UnknownKeyError


class ModelInput(Strict):
    """What a network wants to be fed."""

    size: int | tuple[int, int] | None = None
    channels: Literal["rgb", "bgr", "grey", "grey3"] | None = None
    range: tuple[float, float] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


class ModelSpec(BaseModel):
    """A network and where it comes from: beside these keys one source, and the keys of that source."""

    model_config = ConfigDict(extra="allow", validate_default=True)

    name: Annotated[str, Field(min_length=1, pattern=r"^[^/\\]+$")]
    classes: list[Annotated[str, AfterValidator(canonical)] | None] | None = None
    input: ModelInput | None = None
    fold: str | None = Field(None, coerce_numbers_to_str=True, description="which training of this network it is")
    split: str | None = Field(None, coerce_numbers_to_str=True, description="explain only this split of the manifest")

    @model_validator(mode="after")
    def _known_keys(self) -> ModelSpec:
        extra = self.__pydantic_extra__ or {}
        for key in [key for key, value in extra.items() if value is None]:
            del extra[key]
        named = [key for key in extra if key in SOURCES] or SOURCES.names()
        known = {*ModelSpec.model_fields, *SOURCES.names(), *(key for one in named for key in keys_of(one))}
        if unknown := [key for key in extra if key not in known]:
            raise UnknownKeyError({key: nearest(key, sorted(known)) for key in unknown})
        return self

    @property
    def label(self) -> str:
        """Name and fold, unique in a study."""
        return self.name if self.fold is None else f"{self.name} (fold {self.fold})"

    def loading(self) -> dict[str, Any]:
        """What `xai_compare.models.load` needs of it."""
        spec = self.model_dump(exclude_none=True, exclude={"fold", "split"})
        return {key: str(value) if isinstance(value, Path) else value for key, value in spec.items()}

    def resolve(self, base: Path) -> None:
        """Make the paths among the source's keys start from ``base``."""
        extra = self.__pydantic_extra__ or {}
        extra.update(located(extra, base))


def network_written_out(value: Any) -> Any:
    """A network as a mapping; a bare name is a bundled network's."""
    return {"name": value, "bundled": value} if isinstance(value, str) else value


def written_out(value: Any) -> Any:
    """An explainer as a mapping of name, label and options, however short it was written."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and "name" not in value and len(value) == 1:
        name, options = next(iter(value.items()))
        if options is None or isinstance(options, Mapping):
            options = dict(options or {})
            return {"name": name, "label": options.pop("label", None), "options": options}
        return {"name": name, "options": options}
    return value


class ExplainerSpec(Strict):
    """An explainer's registered name, its options, and what tables call it."""

    name: str
    label: Annotated[str, Field(pattern=r"^[^/\\]+$")] | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _labelled(self) -> ExplainerSpec:
        self.name = EXPLAINERS.spelled(self.name)
        self.label = self.label or self.name
        return self
