"""When a network reads a facial expression, does it look where people look?

The rooms of the package follow the pipeline; each is imported when first used.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xai_compare.runs import Run
    from xai_compare.study import Study

from xai_compare.version import VERSION

__version__ = VERSION

_ROOMS = (
    "comparison",
    "ekman",
    "emotion",
    "explainers",
    "expressions",
    "faces",
    "heatmaps",
    "human",
    "images",
    "models",
    "report",
    "runs",
    "synthetic",
)
_NAMES = {"Study": "xai_compare.study", "Run": "xai_compare.runs"}

__all__ = [
    "Run",
    "Study",
    "__version__",
    "comparison",
    "ekman",
    "emotion",
    "explainers",
    "expressions",
    "faces",
    "heatmaps",
    "human",
    "images",
    "models",
    "report",
    "run",
    "runs",
    "synthetic",
]


def run(study: Study | None = None, out: str | Path | None = None, **settings: Any) -> Run:
    """Run a study, or continue it; the bundled default (simulated faces) if none is given.

    Arguments, result and errors as `xai_compare.runs.run`.
    """
    from xai_compare import runs

    if study is None:
        from xai_compare.synthetic import bundled_study

        out = Path(out or "runs/default")
        study = bundled_study(out)
    return runs.run(study, out, **settings)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"xai_compare.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'xai_compare' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
