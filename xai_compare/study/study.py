"""A whole study: its parts, and the stages that it asks for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from xai_compare.errors import InputError, nearest
from xai_compare.registry import STAGES
from xai_compare.study.comparisons import Compare
from xai_compare.study.images import Images
from xai_compare.study.networks import ExplainerSpec, ModelSpec, network_written_out, written_out
from xai_compare.study.people import HumanSpec
from xai_compare.study.text import lone, texts
from xai_compare.validation import Strict, UnknownKeyError, input_error, read_yaml, unknown_keys

FOLDS = {"all": "all trainings together", "mean of folds": "the mean of the trainings' scores"}
"""Names of folds in tables that a training may not have."""


class Study(Strict):
    """A study: pictures, models, explainers, people, masks, comparisons, and the seed.

    >>> Study(name="a", images={"folder": "faces"}).seed
    0
    >>> Study(nam="a")
    Traceback (most recent call last):
    ...
    xai_compare.validation.UnknownKeyError: study: unknown key 'nam'; did you mean 'name'?
    """

    name: str = Field(min_length=1)
    seed: int = Field(0, ge=0, lt=2**32)
    images: Images
    models: list[Annotated[ModelSpec, BeforeValidator(network_written_out)]] = Field(default_factory=list)
    explainers: list[Annotated[ExplainerSpec, BeforeValidator(written_out)]] = Field(default_factory=list)
    human: list[HumanSpec] = Field(default_factory=list)
    masks: Literal["ekman"] | Path | None = "ekman"
    compare: Compare = Compare()
    note: str = ""
    show_pictures: bool = False

    model_config = ConfigDict(extra="allow", validate_default=True)

    @model_validator(mode="after")
    def _known_stages(self) -> Study:
        """Every further key must be a stage; its value becomes the stage's options, ``true`` meaning the defaults."""
        extra = self.__pydantic_extra__ or {}
        for key, value in list(extra.items()):
            extra[key] = _stage_options(key, value)
            if extra[key] is None:
                del extra[key]
        return self

    if not TYPE_CHECKING:

        def __init__(self, **keys: Any) -> None:
            unknown = _unknown(keys)
            try:
                super().__init__(**{key: value for key, value in keys.items() if str(key) not in unknown})
            except ValidationError as error:
                raise _study_error(unknown, error, "study") from None
            if unknown:
                raise UnknownKeyError(unknown, "study")

        def __getattr__(self, name: str) -> Any:
            """The options of a stage; None where the study does not ask for it."""
            try:
                return super().__getattr__(name)
            except AttributeError:
                if name.startswith("_") or name not in STAGES.names():
                    raise
                return None

    def stage_options(self, stage: str) -> Any:
        """The options of a stage that a study must ask for; None where it does not."""
        return (self.__pydantic_extra__ or {}).get(stage)

    def stages(self) -> list[str]:
        """The stages that the study asks for, besides those of every run."""
        return list(self.__pydantic_extra__ or {})

    @model_validator(mode="after")
    def _unique(self) -> Study:
        for what, names in (
            ("models (give trainings of one network a fold each)", [m.label for m in self.models]),
            ("explainers (give one a label)", [str(e.label) for e in self.explainers]),
            ("human sources", [h.name for h in self.human]),
        ):
            twice = sorted({str(n) for n in names if names.count(n) > 1})
            if twice:
                raise ValueError(f"{twice[0]!r} names two {what}")
        for model in self.models:
            if model.fold in FOLDS:
                raise ValueError(
                    f"a fold cannot be called {model.fold!r}: tables use that name for {FOLDS[model.fold]}"
                )
        taken = {"known/region", *(f"human/{h.name}" for h in self.human)}
        for name in (f"{m.name}/{e.label}" for m in self.models for e in self.explainers):
            if name in taken or name.startswith("all models/"):
                raise ValueError(f"{name!r} is what tables call another source; rename the model or the explainer")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Study:
        """Read a YAML study file; relative paths in it are relative to the file.

        Raises:
            InputError: one line that names the file, the key, the value and the hint.
        """
        path = Path(path)
        return cls.parse(read_yaml(path, "study"), where=path, base=path.parent)

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, where: object = "study", base: Path | None = None) -> Study:
        """Validate a mapping as a study; relative paths are relative to ``base`` (the current folder by default).

        Raises:
            InputError: one line that names the place, the key, the value and the hint.
        """
        unreadable = next((text for text in texts(data) if not text.isprintable() and lone(text)), None)
        if unreadable is not None:
            hint = "rename the file or folder"
            raise InputError(f"{unreadable!r} is not UTF-8, so that no file can hold it", where=where, hint=hint)
        unknown = _unknown(data)
        try:
            study = cls.model_validate({key: value for key, value in data.items() if str(key) not in unknown})
        except ValidationError as error:
            raise _study_error(unknown, error, where) from None
        except RecursionError:
            raise InputError("the study refers to itself", where=where) from None
        if unknown:
            raise UnknownKeyError(unknown, where)
        place = (base or Path()).resolve()
        if lone(str(place)):
            raise InputError(f"{str(place)!r} is not UTF-8", where=where, hint="rename the folder")
        return study._resolved(place, where)

    def _resolved(self, base: Path, where: object) -> Study:
        def at(path: Path | None) -> Path | None:
            try:
                if "\0" in str(path):
                    raise RuntimeError("it holds a null character")
                return None if path is None else base / path.expanduser()
            except RuntimeError as error:
                raise InputError(f"{str(path)!r} is not a path ({error})", where=where) from None

        images = self.images
        for name in ("manifest", "folder", "root", "predictor"):
            setattr(images, name, at(getattr(images, name)))
        if images.files is not None:
            images.files = str(at(Path(images.files)))
        if images.manifest is not None and images.root is None:
            images.root = images.manifest.parent
        for model in self.models:
            try:
                model.resolve(base)
            except RuntimeError as error:
                raise InputError(f"model {model.name!r} names what is not a path ({error})", where=where) from None
        for options in (self.__pydantic_extra__ or {}).values():
            if hasattr(options, "resolve"):
                options.resolve(base)
        for human in self.human:
            files = [human.file] if isinstance(human.file, str) else human.file
            human.file = [str(at(Path(file))) for file in files]
        if isinstance(self.masks, Path):
            self.masks = at(self.masks)
        return self

    def dump(self) -> str:
        """The study as YAML, every default spelled out, every path absolute."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def fingerprint(self) -> str:
        """A hash of all that the study asks; equal studies have equal fingerprints."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _unknown(keys: Mapping[str, Any]) -> dict[str, str]:
    """The keys that are neither a study's nor a stage, each with the nearest one that is."""
    known = [*Study.model_fields, *_asked_for()] if any(_is_unknown(key) for key in keys) else []
    return {str(key): nearest(str(key), known) for key in keys if _is_unknown(key)}


def _is_unknown(key: str) -> bool:
    return key not in Study.model_fields and key not in STAGES.names()


def _study_error(unknown: Mapping[str, str], error: ValidationError, where: object) -> InputError:
    """What is wrong with a study: its unknown keys at any depth, or else the first thing that pydantic found."""
    everywhere = {**unknown, **unknown_keys(error, Study)}
    return UnknownKeyError(everywhere, where) if everywhere else input_error(error, where, Study)


def _stage_options(key: str, value: Any) -> BaseModel | None:
    """What a study says under the name of a stage, validated.

    Raises:
        InputError: if no stage that a study may ask for has that name, or its options are wrong.
    """
    options = STAGES.get(key).Options if key in STAGES.names() else None
    if options is None:
        known = [*Study.model_fields, *_asked_for()]
        raise InputError(f"unknown key {key!r}", hint=nearest(key, known))
    if isinstance(value, options):
        return value
    if value is None or value is False:
        return None
    value = {} if value is True else value
    try:
        return None if value is None else options.model_validate(value)
    except ValidationError as error:
        raise input_error(error, None, options, prefix=(key,)) from None


def _asked_for() -> list[str]:
    """The stages that a study may ask for by a key of their name."""
    return [name for name, stage in STAGES.all().items() if stage.Options is not None]
