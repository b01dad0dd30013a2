"""The key `human`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from xai_compare.validation import Strict


class Screen(Strict):
    """The screen on which people saw the pictures."""

    size_cm: tuple[float, float] | None = None
    distance_cm: float | None = None
    resolution: tuple[int, int] | None = None


class CrossKeys(Strict):
    """A fixation cross, shown between pictures."""

    image: str = Field(description="the name under which the recording shows it")
    x: float = Field(description="where it is, in pixels of that picture as shown")
    y: float = Field(description="see x")
    worst_degrees: float = Field(3.0, gt=0, description="trials after a cross missed by more are removed")


class GazeKeys(Strict):
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


class HumanSpec(Strict):
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
