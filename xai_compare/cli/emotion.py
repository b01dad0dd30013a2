"""`xai-compare emotion`: self-report and seen expression of clips, and networks that read both from face and eyes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xai_compare.cli.app import RequiredOut, app, check_exists, echo, show
from xai_compare.errors import InputError
from xai_compare.extras import require

if TYPE_CHECKING:
    from xai_compare.emotion.noise import Noise


@app.command()
def emotion(
    clips: Annotated[Path, typer.Argument(help="The folder of the clips.")],
    out: RequiredOut,
    layout: Annotated[str, typer.Option(help="neutral, seed_iv, seed_vii, mahnob.")] = "neutral",
    protocol: Annotated[
        list[str] | None, typer.Option(help="What is learned, er_7 by default; repeatable. er: self-report.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option(help="all, face, 'face + eye', 'eyes shuffled', mult ...; repeatable.")
    ] = None,
    only_gap: Annotated[bool, typer.Option("--only-gap", help="Describe the labels and train nothing.")] = False,
    folds: Annotated[int, typer.Option(help="Into how many parts the people are divided.")] = 5,
    by: Annotated[str, typer.Option(help="person, or clip: then people are on both sides.")] = "person",
    epochs: Annotated[int, typer.Option(help="Of each training.")] = 200,
    batch: Annotated[int, typer.Option(help="Clips in one step.")] = 16,
    rate: Annotated[float, typer.Option(help="Initial learning rate, which falls by a cosine.")] = 1e-4,
    weight_decay: Annotated[float, typer.Option(help="Of AdamW.")] = 5e-4,
    paper_weights: Annotated[
        bool, typer.Option("--paper-weights", help="Weigh the loss as the paper says, not as its program does.")
    ] = False,
    frames: Annotated[int, typer.Option(help="Taken from each clip.")] = 8,
    steps: Annotated[int, typer.Option(help="Of eye samples and fixations, taken from each clip.")] = 32,
    side: Annotated[int, typer.Option(help="Of a frame, in pixels.")] = 112,
    backbone: Annotated[Path | None, typer.Option(help="Weights of a ResNet-18; random if left out.")] = None,
    freeze: Annotated[bool, typer.Option("--freeze", help="Do not train the backbone: many times faster.")] = False,
    train_noise: Annotated[
        str | None, typer.Option(metavar="VARIANCE:ON", help="0.05:eye, 0.05:face, 0.05:both; in training and testing.")
    ] = None,
    test_noise: Annotated[
        list[str] | None, typer.Option(metavar="VARIANCE:ON", help="In testing alone; repeatable.")
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Train no head of the other task, as where its labels are not known.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of every draw.")] = 0,
) -> None:
    """Measure the gap between self-report and seen expression of clips, and train networks to read both.

    Writes tables, figures, networks and a one-page summary. The same command continues what was stopped.
    """
    check_exists(clips, folder=True)
    from xai_compare.cli.progress import TerminalProgress
    from xai_compare.emotion import PAPER, RELEASED, Recipe, Sizes, read_clips
    from xai_compare.emotion.plan import Plan
    from xai_compare.report.emotion import write
    from xai_compare.report.emotion.writing import check_only_gap

    held = read_clips(clips, layout)
    if only_gap:
        check_only_gap(held)
        plan = None
    else:
        require("lightning", where="networks that read clips")
        plan = Plan(
            protocols=tuple(protocol or ["er_7"]),
            settings=tuple(setting or ["all"]),
            recipe=Recipe(epochs, batch, rate, weight_decay, PAPER if paper_weights else RELEASED, seed),
            n_folds=folds,
            by=by,
            sizes=Sizes(frames, steps, side),
            backbone=backbone,
            freeze=freeze,
            train_noise=None if train_noise is None else _noise(train_noise, "--train-noise"),
            alone=alone,
            test_noise=tuple(_noise(text, "--test-noise") for text in test_noise or []),
        )
    with TerminalProgress() as progress:
        found = write(held, out, plan, progress)
    if len(found):
        kept = found[found["metric"].isin(["war", "uar", "rmse"])]
        columns = ["protocol", "setting", "metric", "value", "ci_low", "ci_high"]
        title = "On people not seen in training" if by == "person" else "On clips not seen in training"
        show(kept[columns], f"{title}, simulated" if held.simulated else title)
    echo(f"Summary: {out / 'summary.html'}")


def _noise(text: str, option: str) -> Noise:
    from xai_compare.emotion.noise import Noise

    variance, _, on = text.partition(":")
    try:
        return Noise(float(variance), on or "both")
    except ValueError:
        raise InputError(f"{text!r} is not VARIANCE:ON", where=option, hint="say 0.05:eye") from None
