"""What is asked: the study file, validated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from xai_compare.errors import InputError, nearest
from xai_compare.expressions import canonical
from xai_compare.images.crop import MARGIN
from xai_compare.images.reading import MAX_PIXELS
from xai_compare.models.sources import SOURCES, keys_of, located
from xai_compare.registry import STAGES

MAX_VALUES, MAX_DEPTH = 100_000, 50
"""More values, or more deeply nested ones, are a mistake (aliases that expand without end) or an attack."""

FOLDS = {"all": "all trainings together", "mean of folds": "the mean of the trainings' scores"}
"""Names of folds in tables that a training may not have."""

Scaling = Literal["min_max", "positive", "positive_part", "none"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True)


class Images(_Strict):
    """Which pictures, and which of them are explained."""

    manifest: Path | None = Field(None, description="CSV with the columns image, expression, ...")
    folder: Path | None = Field(None, description="a folder with one sub-folder of pictures per expression")
    root: Path | None = Field(None, description="what image paths are relative to; the manifest's folder by default")
    allow_outside: bool = Field(False, description="whether image paths may leave the root")
    per_expression: int | None = Field(None, ge=1, description="how many pictures per expression and model; all: null")
    choose_by: Literal["predicted", "label"] = Field(
        "predicted", description="pictures are grouped by the class the network predicts (positives) or by their label"
    )
    pairs: bool = Field(False, description="group by the pair of expression and false_label (two-alternative studies)")
    margin: float = Field(MARGIN, gt=0, le=10, description="side of the crop over the extent of the landmarks")
    predictor: Path | None = Field(None, description="another 68-point predictor for dlib")
    max_pixels: int = Field(MAX_PIXELS, ge=1, description="larger pictures are skipped")

    @model_validator(mode="after")
    def _one_source(self) -> Images:
        if (self.manifest is None) == (self.folder is None):
            raise ValueError("name either a manifest or a folder")
        if self.pairs and self.choose_by != "label":
            raise ValueError("pairs needs choose_by: label, for a pair is a label and its false label")
        return self


class ModelInput(_Strict):
    """What a network wants to be fed."""

    size: int | tuple[int, int] | None = None
    channels: Literal["rgb", "bgr", "grey", "grey3"] | None = None
    range: tuple[float, float] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


class UnknownKeyError(InputError):
    """A key that is not known where it stands."""

    def __init__(self, key: str, known: Iterable[str]) -> None:
        super().__init__(f"unknown key {key!r}", mend=nearest(key, known))
        self.key = key


class ModelSpec(BaseModel):
    """A network and where it comes from: beside these keys one source, and the keys of that source."""

    model_config = ConfigDict(extra="allow", validate_default=True)

    name: Annotated[str, Field(min_length=1, pattern=r"^[^/\\]+$")]
    classes: list[Annotated[str, AfterValidator(canonical)]] | None = None
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
        for key in extra:
            if key not in known:
                raise UnknownKeyError(key, sorted(known))
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


def _explainer(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and "name" not in value and len(value) == 1:
        name, options = next(iter(value.items()))
        if options is None or isinstance(options, Mapping):
            options = dict(options or {})
            return {"name": name, "label": options.pop("label", None), "options": options}
        return {"name": name, "options": options}
    return value


class ExplainerSpec(_Strict):
    """An explainer's registered name, its options, and what tables call it."""

    name: str
    label: Annotated[str, Field(pattern=r"^[^/\\]+$")] | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _labelled(self) -> ExplainerSpec:
        self.label = self.label or self.name
        return self


class Screen(_Strict):
    """The screen on which people saw the pictures."""

    size_cm: tuple[float, float] | None = None
    distance_cm: float | None = None
    resolution: tuple[int, int] | None = None


class CrossKeys(_Strict):
    """A fixation cross, shown between pictures."""

    image: str = Field(description="the name under which the recording shows it")
    x: float = Field(description="where it is, in pixels of that picture as shown")
    y: float = Field(description="see x")
    worst_degrees: float = Field(3.0, gt=0, description="trials after a cross missed by more are removed")


class GazeKeys(_Strict):
    """How samples of gaze become fixations."""

    detector: str = Field("ivt", description="`ivt`, `idt`, `remodnav` or one of another package")
    options: dict[str, Any] = Field(default_factory=dict, description="of the detector")
    max_lost: float = Field(0.10, ge=0, le=1, description="largest share of lost samples with which a trial is kept")
    min_fixation_ms: float = Field(80.0, ge=0, description="shorter fixations are removed")
    max_saccade_ms: float = Field(150.0, ge=0, description="longest time between two fixations that is a saccade")
    liu_correction: bool = Field(False, description="interpolate losses that are not blinks (Liu et al. 2024)")
    cross: CrossKeys | None = Field(
        None, description="a fixation cross (`image`, `x`, `y`, `worst_degrees`): what follows is shifted by its offset"
    )


class HumanSpec(_Strict):
    """Clicks or fixations of people."""

    name: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    file: str | list[str]
    format: str
    screen: Screen | None = None
    placement: tuple[float, float, float, float] | Literal["screen"] | None = Field(
        None, description="left, top, width, height of the picture on the screen, if the files do not tell"
    )
    gaze: GazeKeys = Field(GazeKeys(), description="how samples become fixations, see below")
    kernel: Literal["gaussian", "disc", "dwell"] = Field(
        "gaussian", description="what a point becomes; dwell: a Gaussian weighed by the time spent there"
    )
    radius_px: float | None = Field(None, gt=0, description="radius of the discs, in pixels of the pictures")
    first: int | None = Field(None, ge=1, description="keep the first so many points of each trial")
    between_ms: tuple[float, float] | None = Field(None, description="keep points that begin in this window")
    exclude: bool = Field(
        False, description="leave out trials and people that cannot be used, of clicks and fixations too"
    )
    pixels_per_degree: float | None = Field(None, gt=0)
    sigma_degrees: float = Field(1.0, gt=0)
    weights: Literal["duration"] | None = None
    only_correct: bool = False
    simulated: bool = False

    @model_validator(mode="after")
    def _radius(self) -> HumanSpec:
        if self.kernel == "disc" and self.radius_px is None:
            raise ValueError("kernel: disc needs radius_px, in pixels of the pictures")
        return self


class Thresholds(_Strict):
    """How maps become masks."""

    iou: Literal["otsu"] = "otsu"
    dice: float = Field(50, ge=0, lt=255)


class Statistics(_Strict):
    """What is asked of the scores, beside the scores."""

    metric: str = Field("dice", description="the score whose means over explainers are compared")
    splits: int = Field(100, ge=1, le=100_000, description="random halvings of the people, for the human ceiling")


def _defaults(value: Any) -> Any:
    """``true`` asks for the defaults, ``false`` for nothing."""
    return ({} if value else None) if isinstance(value, bool) else value


class Compare(_Strict):
    """How maps are compared."""

    scaling: Scaling = Field("min_max", description="how each map is scaled before maps are averaged")
    thresholds: Thresholds = Thresholds()
    metrics: list[str] | None = Field(
        None,
        min_length=1,
        description="which metrics, by name, see [methods.md](methods.md#metrics); by default `iou`, `precision`, "
        "`recall`, `f1`, `dice`, those of `correlation`, `known_auc` and `known_energy`",
    )
    correlation: list[Literal["uncentred", "pearson"]] = ["uncentred", "pearson"]
    baseline: Literal["uniform", "mean"] = Field(
        "uniform",
        description="what `information_gain` is measured above: a uniform map, or these people's mean map of all "
        "expressions",
    )
    bootstrap: int = Field(2000, ge=0, le=100_000, description="replicates over images; 0: no intervals")
    statistics: Annotated[Statistics | None, BeforeValidator(_defaults)] = Field(
        None, description="the human ceiling, and whether explainers differ, see below; `true` for the defaults"
    )


class Study(_Strict):
    """A study: pictures, models, explainers, people, masks, comparisons, and the seed.

    >>> Study.model_validate({"name": "a", "images": {"folder": "faces"}, "models": [], "explainers": []}).seed
    0
    """

    name: str = Field(min_length=1)
    seed: int = Field(0, ge=0, lt=2**32)
    images: Images
    models: list[ModelSpec] = []
    explainers: list[Annotated[ExplainerSpec, BeforeValidator(_explainer)]] = []
    human: list[HumanSpec] = []
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

        def __getattr__(self, name: str) -> Any:
            """The options of a stage; None where the study does not ask for it."""
            try:
                return super().__getattr__(name)
            except AttributeError:
                if name.startswith("_") or name not in STAGES.names():
                    raise
                return None

    def asked(self, stage: str) -> Any:
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
            InputError: one line that names the file, the key, the value and the mend.
        """
        path = Path(path)
        try:
            data = yaml.load(path.read_text("utf-8"), _Loader)
        except OSError as error:
            raise InputError(f"the study cannot be read ({error.strerror})", where=path) from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise InputError(f"the study is not valid YAML ({error})", where=path) from None
        if not isinstance(data, dict):
            raise InputError("the study must be a mapping of keys to values", where=path)
        _check_extent(data, path)
        return cls.parse(data, where=path, base=path.parent)

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, where: object = "study", base: Path | None = None) -> Study:
        """Validate a mapping as a study; relative paths are relative to ``base`` (the current folder by default).

        Raises:
            InputError: one line that names the place, the key, the value and the mend.
        """
        unreadable = next((text for text in _texts(data) if not text.isprintable() and _lone(text)), None)
        if unreadable is not None:
            mend = "rename the file or folder"
            raise InputError(f"{unreadable!r} is not UTF-8, so that no file can hold it", where=where, mend=mend)
        for key in data:
            if key not in cls.model_fields and key not in STAGES.names():
                mend = nearest(str(key), [*cls.model_fields, *_asked_for()])
                raise InputError(f"unknown key {key!r}", where=where, mend=mend)
        try:
            study = cls.model_validate(data)
        except ValidationError as error:
            raise _explained(error, where) from None
        except RecursionError:
            raise InputError("the study refers to itself", where=where) from None
        place = (base or Path()).resolve()
        if _lone(str(place)):
            raise InputError(f"{str(place)!r} is not UTF-8", where=where, mend="rename the folder")
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


class _Loader(yaml.SafeLoader):
    """YAML without tags that build objects, in which no key may be repeated."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put merged keys in; as aliases, they can double at every level."""
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > MAX_VALUES:
            raise yaml.MarkedYAMLError(problem="its merge keys expand without end", problem_mark=node.start_mark)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for number, (key, _) in enumerate(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value in keys[:number] and key.value != "<<":
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark)
        return node


def _texts(value: object) -> Iterable[str]:
    """Every text of nested keys and values."""
    waiting = [value]
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, str | Path):
            yield str(one)
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, Sequence) and not isinstance(one, bytes):
            waiting += one


def _lone(text: str) -> bool:
    """Whether a text holds half a character, as names of files do whose bytes are not UTF-8."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _check_extent(data: object, where: object) -> None:
    """Refuse what is endless once its aliases are expanded, and what cannot be written into a run."""
    waiting: list[tuple[object, int]] = [(data, 0)]
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            break
        if isinstance(value, bytes | set):
            raise InputError(f"a {type(value).__name__} has no place in a study", where=where)
        if isinstance(value, Mapping):
            waiting += [(one, depth + 1) for one in value.values()]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            waiting += [(one, depth + 1) for one in value]
    what = f"the study has more than {MAX_VALUES:,} values or {MAX_DEPTH} levels once its aliases are expanded"
    raise InputError(what, where=where, mend="write out what the aliases stand for")


def _stage_options(key: str, value: Any) -> BaseModel | None:
    """What a study says under the name of a stage, validated.

    Raises:
        InputError: if no stage that a study may ask for has that name, or its options are wrong.
    """
    options = STAGES.get(key).Options if key in STAGES.names() else None
    if options is None:
        known = [*Study.model_fields, *_asked_for()]
        raise InputError(f"unknown key {key!r}", mend=nearest(key, known))
    if isinstance(value, options):
        return value
    if value is None or value is False:
        return None
    value = {} if value is True else value
    try:
        return None if value is None else options.model_validate(value)
    except ValidationError as error:
        raise _explained(error, None, (key,), options) from None


def _asked_for() -> list[str]:
    """The stages that a study may ask for by a key of their name."""
    return [name for name, stage in STAGES.all().items() if stage.Options is not None]


def _explained(
    error: ValidationError, where: object, at: tuple[str, ...] = (), root: type[BaseModel] | None = None
) -> InputError:
    problems = error.errors(include_url=False)
    for problem in problems:
        told = problem.get("ctx", {}).get("error")
        if isinstance(told, InputError):
            loc = [str(part) for part in problem["loc"]]
            what = f"unknown key {'.'.join([*loc, told.key])!r}" if isinstance(told, UnknownKeyError) else told.what
            return InputError(what, where=where, mend=told.mend)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    key = ".".join(str(part) for part in (*at, *first["loc"]) if not str(part).startswith("function-"))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        known = list(root.model_fields) if root else _fields(first["loc"][:-1])
        return InputError(f"unknown key {key!r}{more}", where=where, mend=nearest(str(first["loc"][-1]), known))
    if first["type"] == "missing":
        return InputError(f"key {key!r} is missing{more}", where=where, mend="add it")
    value = "" if isinstance(first["input"], dict | list) else f" = {first['input']!r}"
    message = first["msg"].removeprefix("Value error, ")
    return InputError(f"{f'key {key!r}' if key else 'the study'}{value}{more}", where=where, mend=message)


def _fields(loc: tuple[int | str, ...]) -> list[str]:
    """The known keys at a place in the study."""
    rooms: dict[str, type[BaseModel]] = {
        "images": Images,
        "models": ModelSpec,
        "explainers": ExplainerSpec,
        "human": HumanSpec,
        "compare": Compare,
        "input": ModelInput,
        "screen": Screen,
        "thresholds": Thresholds,
        "statistics": Statistics,
    }
    names = [str(part) for part in loc if str(part) in rooms]
    return list((rooms[names[-1]] if names else Study).model_fields)
