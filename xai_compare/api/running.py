"""Run a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from xai_compare.runs import Run
    from xai_compare.runs.progress import Progress
    from xai_compare.study import Study


def run(
    study: Study | str | Path | None = None,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    device: str = "auto",
    batch_size: int = 32,
    threads: int | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    tls: tuple[Path, Path, Path] | None = None,
    keep: Literal["maps", "heatmaps"] = "maps",
    report: bool = True,
    allow_code: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Run a study, or continue it: in a directory that holds the same study, only what is missing is done.

    Nothing but `study` changes a result.

    Args:
        study: what to do: a `Study`, or the path of a study file, or pictures: a folder, a manifest or a pattern, of
            which at most 60 are explained in `photographic`; without one the bundled default (simulated faces).
        out: the run directory; ``runs/NAME OF THE STUDY`` by default.
        overwrite: whether another study's run in ``out`` may be replaced. A study that has only gained something (an
            explainer, a network, people, another comparison) continues its run without it.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        batch_size: pictures in one forward pass.
        threads: tasks done at once in this process; by default one for each of torch's threads, at most four.
        workers: processes of a local Dask cluster; by default everything is done in this process.
        scheduler: address of a Dask scheduler that is running already.
        tls: certificate authority, certificate and key (PEM files), for a scheduler at ``tls://``.
        keep: ``"heatmaps"`` removes the maps of single pictures once the tables are made.
        report: whether to make figures and ``report.html``.
        allow_code: whether the study's factories may run: code that lies beside it. Read it first.
        progress: an object that is told how far the run is; in a notebook, bars are shown by default.

    Returns:
        The finished run: `Run.heatmaps`, `Run.maps`, `Run.scores` and its tables.

    Raises:
        InputError: whatever the user must fix, in one line; what was computed before stays in ``out``.

    >>> import xai_compare as xc
    >>> xc.run("no_such_study.yaml")
    Traceback (most recent call last):
    ...
    xai_compare.errors.InputError: no_such_study.yaml: the study cannot be read (No such file or directory)
    """
    from xai_compare import runs

    study, out = load_study(study, out)
    return runs.run(
        study,
        out,
        overwrite=overwrite,
        progress=progress,
        device=device,
        threads=threads,
        workers=workers,
        scheduler=scheduler,
        tls=tls,
        allow_code=allow_code,
        batch_size=batch_size,
        keep=keep,
        report=report,
    )


def load_study(study: Study | str | Path | None, out: str | Path | None) -> tuple[Study, str | Path | None]:
    """The study that is to be run (the bundled default if None), and its run directory where it has one."""
    from xai_compare.api.quick import is_pictures, quick_study
    from xai_compare.study import Study

    if study is None:
        from xai_compare.synthetic import bundled_study

        out = Path(out or "runs/default")
        return bundled_study(out), out
    if isinstance(study, Study):
        return study, out
    if is_pictures(study):
        return Study.parse(quick_study(study), where=study), out
    return Study.load(study), out
