"""The key `human`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from xai_compare.human.settings import GazeSettings, MapKeys, ScreenGeometry, UnitKeys


class HumanSpec(MapKeys, UnitKeys):
    """Clicks or fixations of people."""

    name: Annotated[str, Field(pattern=r"^[^/\\]+$", description="what tables call it, after `human/`; no slash")]
    file: str | list[str] = Field(description="a file, a pattern with `*`, or a list of them")
    format: str = Field(description="how the file is written, see below; `auto` recognises it")
    screen: ScreenGeometry | None = Field(
        None, description="the screen, see below; not needed where `pixels_per_degree` is given"
    )
    placement: tuple[float, float, float, float] | Literal["screen"] | None = Field(
        None, description="left, top, width, height of the picture on the screen, if the files do not tell"
    )
    gaze: GazeSettings = Field(GazeSettings(), description="how samples become fixations, see below")
    exclude: bool = Field(
        False, description="leave out trials and people that cannot be used, of clicks and fixations too"
    )
    pixels_per_degree: float | None = Field(
        None, gt=0, description="pixels *of the pictures* in one degree of visual angle"
    )
    weights: Literal["duration"] | None = Field(None, description="`duration`: longer fixations count for more")
    simulated: bool = Field(False, description="whether these data are simulated; then every table and figure says so")
