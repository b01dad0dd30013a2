"""`xai-compare status`: how far a run is."""

from __future__ import annotations

from xai_compare.cli.app import RunDirectory, app, show


@app.command()
def status(run_dir: RunDirectory) -> None:
    """Say how far a run is: maps done and missing, time left."""
    from xai_compare.runs.inspection import status as progress_of

    show(progress_of(run_dir), str(run_dir), digits=1)
