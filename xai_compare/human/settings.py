"""How data of people are read and become maps: each setting, its default and its check, declared once.

A study's key ``human``, the command line and Python take them from here, so nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, ValidationError, model_serializer, model_validator
from pydantic.dataclasses import dataclass

from xai_compare.errors import InputError
from xai_compare.validation import Strict, input_error

T = TypeVar("T")

Kernel = Literal["gaussian", "disc", "dwell"]
Unit = Literal["pixels", "fraction", "percent", "pix", "height", "norm", "cm", "deg"]
"""Pixels, fractions or percent from the top left corner; the others are PsychoPy's, from the middle, y upwards."""

Clock = Literal["ms", "s", "us"]
Length = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass_transform(frozen_default=True)
def settings(cls: type[T]) -> type[T]:
    """A frozen dataclass that pydantic checks: in a study as its other keys, from Python with an `InputError`."""
    checked: Any = dataclass(cls, frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
    construct = checked.__init__

    def construct_or_explain(self: Any, *args: Any, **values: Any) -> None:
        # Pydantic does not come by here when it reads a study: its messages there name the whole path of keys.
        try:
            construct(self, *args, **values)
        except ValidationError as error:
            raise input_error(error, None, checked, kind="setting", what=cls.__name__) from None

    checked.__init__ = construct_or_explain
    return checked


@settings
class ScreenGeometry:
    """The screen on which people saw the pictures, as far as it is known."""

    resolution: Annotated[
        tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] | None,
        Field(description="width and height of the screen, in pixels"),
    ] = None
    size_cm: Annotated[
        tuple[Length, Length] | None, Field(description="width and height of the visible screen, in cm")
    ] = None
    distance_cm: Annotated[Length | None, Field(description="from the eyes to the screen, in cm")] = None


@settings
class Cross:
    """A fixation cross, shown between pictures, whose place tells how far the tracker is off."""

    image: Annotated[str, Field(description="the name under which the recording shows it")]
    x: Annotated[float, Field(description="where it is, in pixels of that picture as shown")]
    y: Annotated[float, Field(description="see x")]
    worst_degrees: Annotated[float, Field(gt=0, description="trials after a cross missed by more are removed")] = 3.0


@settings
class GazeSettings:
    """How samples become fixations and saccades; the defaults are those of Bruckert et al. 2023, section 3.2.

    >>> GazeSettings(detector="idt").min_fixation_ms
    80.0
    >>> GazeSettings(max_lost=10)
    Traceback (most recent call last):
    ...
    xai_compare.errors.InputError: setting 'max_lost' = 10; Input should be less than or equal to 1
    """

    detector: Annotated[
        str, Field(description="how fixations are found: `ivt`, `idt`, `remodnav` or one of another package")
    ] = "ivt"
    options: Annotated[dict[str, Any], Field(description="of the detector")] = field(default_factory=dict)
    max_lost: Annotated[
        float, Field(ge=0, le=1, description="largest share of lost samples with which a trial is kept")
    ] = 0.10
    min_fixation_ms: Annotated[float, Field(ge=0, description="shorter fixations are removed")] = 80.0
    max_saccade_ms: Annotated[
        float, Field(ge=0, description="longest time between two fixations that is a saccade")
    ] = 150.0
    liu_correction: Annotated[bool, Field(description="interpolate losses that are not blinks (Liu et al. 2024)")] = (
        False
    )
    cross: Annotated[
        Cross | None,
        Field(
            description="a fixation cross (`image`, `x`, `y`, `worst_degrees`): what follows is shifted by its offset"
        ),
    ] = None
    blink_ms: Annotated[
        tuple[float, float],
        Field(description="shortest and longest blink (Komogortsev et al. 2010; Liu et al. 2024, section III-A3)"),
    ] = (75.0, 425.0)
    keep_unvalidated: Annotated[
        bool, Field(description="keep trials although the tracker's validation before them failed")
    ] = False

    @model_serializer(mode="wrap")
    def _dump(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave out what studies could not say before, where it is not said: their fingerprints stay as they were."""
        later = ("blink_ms", "keep_unvalidated")
        unsaid = [key for key in later if getattr(self, key) == getattr(type(self), key)]
        return {key: value for key, value in dump(self).items() if key not in unsaid}


class MapKeys(Strict):
    """How points become maps."""

    kernel: Kernel = Field(
        "gaussian", description="what a point becomes; dwell: a Gaussian weighed by the time spent there"
    )
    radius_px: float | None = Field(None, gt=0, description="radius of the discs, in pixels of the pictures")
    first: int | None = Field(None, ge=1, description="keep the first so many points of each trial")
    between_ms: tuple[float, float] | None = Field(None, description="keep points that begin in this window")
    sigma_degrees: float = Field(
        1.0, gt=0, description="standard deviation of the Gaussians, in degrees of visual angle"
    )
    only_correct: bool = Field(False, description="keep the trials that were answered correctly")

    @model_validator(mode="after")
    def _has_radius(self) -> MapKeys:
        if self.kernel == "disc" and self.radius_px is None:
            raise InputError("discs have no radius", hint="kernel: disc needs radius_px, in pixels of the pictures")
        if self.between_ms is not None and not self.between_ms[0] < self.between_ms[1]:
            raise InputError(f"a window from {self.between_ms[0]:g} to {self.between_ms[1]:g} ms", hint="from, to")
        return self


class UnitKeys(Strict):
    """What the files count in, where that is not pixels and ms."""

    units: Unit | None = Field(
        None,
        description="of x and y: `pixels`, `fraction` or `percent` from the top left corner; `pix`, `height`, `norm`,"
        " `cm` or `deg` as PsychoPy has them, from the middle of the screen, y upwards",
    )
    clock: Clock | None = Field(None, description="of times: `ms`, `s` or `us`")

    @model_serializer(mode="wrap")
    def _dump(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave out what is not said: the fingerprints of studies from before these keys stay as they were."""
        return {key: value for key, value in dump(self).items() if value is not None or key not in ("units", "clock")}
