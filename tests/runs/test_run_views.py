"""A run in a notebook: its summary, its figures, single pictures, and bars that move within a task."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.figure import Figure
from toy_study import asked

import xai_compare as xc
from xai_compare import report
from xai_compare.errors import InputError
from xai_compare.report.data import from_run
from xai_compare.report.examples import examples
from xai_compare.runs import progress
from xai_compare.runs.progress import Notebook, Silent, Ticks, listener


def test_a_run_shows_itself_as_html(finished: xc.Run) -> None:
    text = finished._repr_html_()
    assert "toy · Grad-CAM" in text
    assert "IoU with Ekman" in text
    assert "report.html" in text
    assert "<script" not in text


def test_an_unfinished_run_says_so(finished: xc.Run, tmp_path: Path) -> None:
    shutil.copy(finished.dir / "study.yaml", tmp_path)
    assert "not finished" in xc.Run.open(tmp_path)._repr_html_()


def test_a_run_draws_the_figures_of_its_report(finished: xc.Run) -> None:
    assert {"heatmaps", "dendrograms", "known"} <= set(dir(finished.plot))
    figures = finished.plot.heatmaps()
    assert len(figures) == 3
    assert all(isinstance(one, Figure) for one in figures)
    assert figures._repr_html_().count("data:image/png") == 3
    with pytest.raises(AttributeError, match="heatmaps"):
        finished.plot.heat_maps()
    with pytest.raises(InputError, match="nothing to draw for 'pairs'"):
        finished.plot.pairs()


def test_single_pictures_are_shown_of_simulated_faces_alone(finished: xc.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examples(finished)
    assert {one.network for one in found} == {"toy", "other"}
    assert all(one.simulated and set(one.maps) == {"cam", "grad_cam", "random"} for one in found)
    assert found[0].face.shape == (275, 224, 3)
    table = finished.maps_table.set_index("image")
    assert all(table.loc[one.image, "group"].iloc[0] == one.group for one in found)
    from xai_compare.runs.store import Plan

    plan = Plan.read(finished.dir)
    for source in plan.sources:
        for item in source.items:
            item["dataset"] = "photographs"
    monkeypatch.setattr(Plan, "demand", lambda directory: plan)
    assert examples(xc.Run.open(finished.dir)) == []
    allowed = xc.Study.parse({**finished.study.model_dump(mode="json"), "show_pictures": True})
    opened = xc.Run.open(finished.dir)
    opened.__dict__["study"] = allowed
    assert len(examples(opened)) == len(found)


def test_controls_are_named_by_the_run(finished: xc.Run) -> None:
    assert finished.provenance["controls"] == ["random"]
    data = from_run(finished)
    assert data.controls == {"random"}
    assert not any(source.explainer == "random" for source in data.rankable)


def test_pictures_that_are_gone_leave_the_report_without_examples(finished: xc.Run) -> None:
    gone = xc.Run.open(finished.dir)
    images = gone.study.images.model_copy(update={"manifest": finished.dir / "gone.csv"})
    gone.__dict__["study"] = gone.study.model_copy(update={"images": images})
    assert examples(gone) == []


def test_notebook_bars_need_no_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def display(thing: Any, display_id: bool = False) -> Any:
        shown.append(thing._repr_html_())
        return SimpleNamespace(update=display)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bars = Notebook(display)
        with bars.stage("explain <b>", 300) as advance:
            for _ in range(3):
                advance(16)
        bars.say("a <line>")
    assert 'value="0" max="300"' in shown[0]
    assert "16 of 300" in shown[1]
    assert "300 of 300" in shown[-2]
    assert "&lt;line&gt;" in shown[-1]
    assert "explain &lt;b&gt;" in shown[0]
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(progress.sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert isinstance(listener(), Silent)
    monkeypatch.setitem(progress.sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(progress.sys.modules, "IPython.display", SimpleNamespace(display=display))
    assert isinstance(listener(), Notebook)


def test_ticks_within_a_task_never_count_more_than_it_has() -> None:
    steps: list[int] = []
    ticks = Ticks()
    ticks.within("a", 16, 0.5)
    ticks.listen(steps.append)
    for share in (0.01, 0.2, 0.2, 0.9, 3.0):
        ticks.within("a", 16, share)
    assert sum(steps) == 15
    ticks.done("a", 16)
    ticks.done("b", 16)
    assert sum(steps) == 32
    ticks.listen(None)
    ticks.done("c", 16)
    assert sum(steps) == 32


def test_the_bar_moves_before_the_first_chunk_is_done(pictures: Path, tmp_path: Path) -> None:
    moved: list[tuple[str, int]] = []

    class Watching:
        def stage(self, title: str, total: int | None) -> Any:
            class Bar:
                def __enter__(self) -> Any:
                    return lambda steps: moved.append((title, steps))

                def __exit__(self, *problem: object) -> None:
                    return None

            return Bar()

        def say(self, message: str) -> None:
            return None

    study = asked(pictures, explainers=[{"lime": {"n_samples": 60, "n_segments": 8}}], compare={"bootstrap": 0})
    xc.run(study, tmp_path / "run", progress=Watching(), report=False)
    steps = [number for title, number in moved if title == "explain" and number]
    assert sum(steps) == 9
    assert len(steps) > 4


@pytest.mark.parametrize("name", ["stages.json", "no stages"])
def test_a_report_of_a_run_from_before_checksums_says_so(finished: xc.Run, tmp_path: Path, name: str) -> None:
    shutil.copytree(finished.dir, tmp_path / "run", ignore=shutil.ignore_patterns("report.html", "figures"))
    path = tmp_path / "run" / ("stages.json" if name == "no stages" else name)
    facts = json.loads(path.read_text())
    facts.pop("check")
    path.write_text(json.dumps(facts))
    if name == "no stages":
        path.unlink()
    with pytest.raises(InputError, match="is of an earlier version of xai-compare") as told:
        report.build(xc.Run.open(tmp_path / "run"))
    assert "run the study again" in str(told.value)
    path.write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        report.build(xc.Run.open(tmp_path / "run"))
