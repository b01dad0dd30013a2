"""What a training is asked to do: the keys of its YAML file, checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from xai_compare.expressions import canonical
from xai_compare.images.crop import MARGIN
from xai_compare.models.sources import located
from xai_compare.validation import Strict, input_error, read_yaml


class Source(Strict):
    """One manifest of labelled pictures."""

    manifest: Path = Field(description="CSV with the columns image, expression, and best subject and dataset")
    root: Path | None = Field(None, description="what image paths are relative to; the manifest's folder by default")
    name: str | None = Field(None, description="the dataset's name where the manifest has no such column")
    cropped: bool = Field(False, description="the pictures are faces already cut out: no face is looked for")


class Optimizer(Strict):
    """How weights are changed."""

    name: Literal["adam", "adamw", "sgd"] = Field("adam", description="the optimizer")
    lr: float = Field(1e-4, gt=0, description="learning rate; Park & Wallraven: 0.0001")
    weight_decay: float = Field(0.0, ge=0, description="weight decay")
    schedule: Literal["constant", "one_cycle", "cosine"] = Field("constant", description="of the learning rate")


class ClickTuningOptions(Strict):
    """Fine-tuning with pictures that people uncovered by clicking (Park & Wallraven 2022, 5.1)."""

    clicks: Path = Field(description="clicks of people, CSV with the columns image, x, y, participant, correct")
    radius: float = Field(gt=0, description="radius of an uncovered disc, in pixels of the picture")
    blur: int = Field(70, ge=1, description="width of the box blur of what is covered, in pixels of the picture")
    epochs: int = Field(10, ge=1, description="how long the network is tuned")
    unmasked: float = Field(1.0, ge=0, description="unmasked pictures for each click-revealed one, against forgetting")


class MapLossOptions(Strict):
    """A term of the loss that pulls the network's map towards a given one (Bruckert et al. 2023, 5.2)."""

    maps: str = Field(
        description="`ekman`, a folder of maps on the standard face (EXPRESSION.png or .npy), or a "
        "control: `other`, `prior`, `random`"
    )
    by: Literal["cam", "gradients"] = Field("cam", description="which map of the network is pulled")
    weight: float = Field(1.0, ge=0, description="weight of the term beside the cross-entropy")


class Training(Strict):
    """A training: pictures, network, folds, loss, and when to stop."""

    name: str = Field("training", min_length=1, description="what cards and figures call it")
    seed: int = Field(0, ge=0, lt=2**32, description="of folds, weights, order, augmentation and dropout")
    network: dict[str, Any] = Field(
        description="a source as in a study, such as `{zoo: songnet}`; `weights: random` unless said"
    )
    classes: list[Annotated[str, AfterValidator(canonical)]] | None = Field(
        None, description="the classes, in this order; those of the manifest by default"
    )
    data: Annotated[list[Source], BeforeValidator(lambda value: value if isinstance(value, list) else [value])] = Field(
        min_length=1, description="one manifest or several"
    )
    folds: int | Literal["split"] = Field(
        5, description="how many parts the people are divided into, or `split`: the manifest's own `train` and `test`"
    )
    only_folds: list[int] | None = Field(None, description="train only these folds, counted from 1")
    margin: float = Field(MARGIN, gt=0, le=10, description="side of the crop over the extent of the landmarks")
    augment: Literal["gaya_morey", "park_wallraven", "strong", "none"] = Field(
        "gaya_morey", description="how training pictures are varied"
    )
    batch_size: int = Field(64, ge=1, description="pictures in one step")
    epochs: int | None = Field(None, ge=1, description="how long; the paper's own number for a network of the zoo")
    until_accuracy: float | None = Field(None, gt=0, le=1, description="stop when the training accuracy reaches this")
    max_epochs: int = Field(150, ge=1, description="the cap where `until_accuracy` is given")
    optimizer: Optimizer = Field(Optimizer(), description="how weights are changed")
    weighted: bool = Field(True, description="weight the cross-entropy by the inverse frequency of the classes")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="label smoothing of the cross-entropy")
    pairs: bool = Field(False, description="also train a binary network for each pair of classes, with undersampling")
    multiclass: bool = Field(True, description="train one network of all classes")
    fine_tune: ClickTuningOptions | None = Field(None, description="tune the networks with click-revealed pictures")
    towards: MapLossOptions | None = Field(None, description="pull the network's maps towards given ones")
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "64-true"] = Field("32-true", description="of Lightning")
    accelerator: str = Field("auto", description="of Lightning")
    devices: int | str = Field("auto", description="of Lightning")
    strategy: str = Field("auto", description="of Lightning; `ddp` for several GPUs")
    workers: int = Field(0, ge=0, description="processes that prepare pictures")

    _base: Path = PrivateAttr(Path())
    _allow_code: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Training:
        if isinstance(self.folds, int) and self.folds < 2:
            raise ValueError("folds must be 2 or more, or `split`")
        if self.classes is not None and len(set(self.classes)) < max(2, len(self.classes)):
            raise ValueError("classes must be at least two different ones")
        if not (self.pairs or self.multiclass):
            raise ValueError("nothing is trained: say `pairs: true` or `multiclass: true`")
        if self.epochs is not None and self.until_accuracy is not None:
            raise ValueError("say either `epochs` or `until_accuracy` (with `max_epochs`)")
        return self

    def allow_code(self, allowed: bool) -> None:
        """Say whether the network's factory may run; a training file is data, and cannot say so itself."""
        self._allow_code = allowed

    @classmethod
    def load(cls, path: str | Path) -> Training:
        """Read a YAML file; relative paths in it are relative to the file.

        Raises:
            InputError: one line that names the file, the key and the hint.
        """
        path = Path(path)
        return cls.parse(read_yaml(path, "training"), where=path, base=path.parent)

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, where: object = "training", base: Path | None = None) -> Training:
        """Check a mapping; relative paths are relative to ``base`` (the current folder by default).

        Raises:
            InputError: one line that names the place, the key and the hint.
        """
        try:
            config = cls.model_validate(data)
        except ValidationError as error:
            raise input_error(error, where, cls, what="training") from None
        base = config._base = (base or Path()).resolve()
        for source in config.data:
            source.manifest = base / source.manifest.expanduser()
            source.root = source.manifest.parent if source.root is None else base / source.root.expanduser()
        if config.fine_tune is not None:
            config.fine_tune.clicks = base / config.fine_tune.clicks.expanduser()
        if config.towards is not None and config.towards.maps not in ("ekman", "other", "prior", "random"):
            config.towards.maps = str(base / Path(config.towards.maps).expanduser())
        # Defaults of the source stay out: a training's fingerprint holds what was said, and nothing else.
        config.network = {key: value for key, value in located(config.network, base).items() if key in config.network}
        return config

    def dump(self) -> str:
        """The training as YAML, every default spelled out, every path absolute."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def fingerprint(self) -> str:
        """A hash of all that changes the outcome; where and on what it runs does not count."""
        asked = self.model_dump(mode="json", exclude={"accelerator", "devices", "strategy", "workers", "only_folds"})
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
