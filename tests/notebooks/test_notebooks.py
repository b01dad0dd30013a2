"""The notebooks run from beginning to end, and each script and its notebook are the same."""

from __future__ import annotations

import os
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))
LARGEST = 1_500_000


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What a notebook's kernel inherits: the package under test, and no folder named by whoever runs the tests."""
    here = str(FOLDER.parent) if os.environ.get("PYTHONPATH") else ""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")])))
    for name in ("XAI_COMPARE_HEATMAPS", "XAI_COMPARE_MASKS"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def execute(script: str) -> str:
    """Run a notebook in its own folder; returns all that it said, as text."""
    notebook = jupytext.read(FOLDER / script)
    NotebookClient(
        notebook, timeout=1500, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    said = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            said.append(output.get("text", "") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(said)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_is_its_script_with_outputs(script: Path) -> None:
    written, executed = jupytext.read(script), nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    assert [(c.cell_type, c.source) for c in executed.cells] == [(c.cell_type, c.source) for c in written.cells]
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code), "execute it: see CONTRIBUTING.md"
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    assert script.with_suffix(".ipynb").stat().st_size < LARGEST


def finished_default() -> Path | None:
    """The default run that the README's first command leaves, if it is there."""
    folder = FOLDER.parent / "runs" / "default"
    return folder if (folder / "report.html").is_file() else None


@pytest.mark.slow
def test_the_tour_of_the_default_runs(kernel: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kernel.setenv(
        "XAI_COMPARE_RUN", os.environ.get("XAI_COMPARE_RUN") or str(finished_default() or tmp_path / "default")
    )
    said = execute("01_tour_of_the_default.py")
    assert "simulated: " in said


@pytest.mark.slow
def test_table_3_is_recomputed_from_the_published_heatmaps(kernel: pytest.MonkeyPatch, shared: Path) -> None:
    kernel.setenv("XAI_COMPARE_HEATMAPS", str(shared / "ekman_expressions" / "heatmaps_by_net"))
    kernel.setenv("XAI_COMPARE_MASKS", str(shared / "ekman_expressions" / "ground_truth"))
    said = execute("02_table_3_and_figure_10.py")
    assert "66 of 72 cells agree to four decimals" in said
    assert "rows that differ: SilNet" in said


@pytest.mark.slow
def test_table_3_stops_cleanly_where_no_heatmaps_are_given(kernel: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kernel.setenv("XAI_COMPARE_HEATMAPS", str(tmp_path / "nothing"))
    said = execute("02_table_3_and_figure_10.py")
    assert "No heatmaps here" in said
    assert "cells agree" not in said


@pytest.mark.slow
def test_the_notebook_about_emotion_keeps_cited_and_simulated_apart(kernel: pytest.MonkeyPatch) -> None:
    kernel.delenv("XAI_COMPARE_EMERT", raising=False)
    said = execute("05_expression_is_not_emotion.py")
    assert "modality loss at chance: 3.2958" in said
    assert "cited" in said
    assert "simulated" in said
