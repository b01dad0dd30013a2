"""One page that says in plain words whether the data are usable, with every figure in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure

from xai_compare.human.data_quality import QualityNote, overall_quality
from xai_compare.human.experiment import Experiment
from xai_compare.report import embedding
from xai_compare.version import VERSION


@dataclass
class Contents:
    """What goes on the page.

    Attributes:
        statements: what speaks for and against the data.
        figures: by file name; those without words are not shown.
        words: what each figure shows.
        tables: title, explanation and table.
        notes: what could not be made, and why.
    """

    statements: list[QualityNote] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    tables: list[tuple[str, str, pd.DataFrame]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def render(title: str, experiment: Experiment, contents: Contents, written: Sequence[str]) -> str:
    """The page as HTML, complete in one file."""
    taken = experiment.files.groupby(["format", "because"], sort=False).size().rename("n").reset_index()
    return embedding.template("human/page.html").render(
        title=title,
        version=VERSION,
        css=embedding.css(),
        simulated=experiment.simulated,
        verdict=overall_quality(contents.statements),
        statements=contents.statements,
        read=_read(experiment),
        files=taken.to_dict("records"),
        notes=contents.notes,
        figures=[embedding.figure(name, contents.figures[name], words) for name, words in contents.words.items()],
        tables=[embedding.table(*one) for one in contents.tables],
        written=written,
    )


def _read(experiment: Experiment) -> str:
    trials = experiment.trials
    people, pictures = trials["participant"].nunique(), trials["image"].nunique()
    line = (
        f"{people} participants, {pictures} pictures, {len(trials):,} trials; "
        f"{len(experiment.points):,} {experiment.noun} are kept"
    )
    if len(experiment.saccades):
        line += f" and {len(experiment.saccades):,} saccades"
    screen = experiment.screen
    if screen.known:
        across, down = screen.degrees_per_pixel()
        line += f". A degree of visual angle is {1 / across:.1f} pixels of the screen across and {1 / down:.1f} down"
        if screen.size_cm and screen.distance_cm:
            size = f"{screen.size_cm[0]:.1f} by {screen.size_cm[1]:.1f} cm"
            line += f" (a screen of {size} seen from {screen.distance_cm:.0f} cm)"
    return f"{line}."
