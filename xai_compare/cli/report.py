"""`xai-compare report`: figures and page built again."""

from __future__ import annotations

from xai_compare.cli.app import RunDirectory, app, echo


@app.command()
def report(run_dir: RunDirectory) -> None:
    """Build figures and report again from what a run has stored."""
    from xai_compare import report as pages
    from xai_compare.runs import Run

    echo(f"Report: {pages.build(Run.open(run_dir))}")
