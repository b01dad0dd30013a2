"""`xai-compare train`: networks trained as the papers train them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xai_compare.cli.app import AllowCode, RequiredOut, app, check_exists, console, echo, show

if TYPE_CHECKING:
    import pandas as pd

    from xai_compare.models.training import Training


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A training file, YAML; see docs/training.md.")],
    out: RequiredOut,
    allow_code: AllowCode = False,
) -> None:
    """Train networks, fold by fold, and evaluate them; the same command continues a training that was stopped."""
    check_exists(config, folder=False)
    import pandas as pd

    from xai_compare.models import training

    asked = training.Training.load(config)
    asked.allow_code(allow_code)
    clicks = read_clicks(asked)
    training.train(asked, out, clicks=clicks, say=echo, progress=console.is_terminal)
    metrics = pd.read_csv(out / "metrics.csv")
    wanted = metrics[metrics["metric"].isin(["accuracy", "balanced_accuracy", "calibration_error"])]
    show(wanted.pivot(index=["model", "fold"], columns="metric", values="value").reset_index(), "On unseen pictures")
    echo(f"Weights, card, tables and figures: {out}")


def read_clicks(config: Training) -> pd.DataFrame | None:
    """The clicks that a training is tuned with; None if it is not.

    Raises:
        InputError: if they cannot be read.
    """
    if config.fine_tune is None:
        return None
    from xai_compare import human

    return human.read_clicks(config.fine_tune.clicks, format="clicks")
