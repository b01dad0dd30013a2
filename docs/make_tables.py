"""Write the tables of the documents anew, from the code: ``python docs/make_tables.py``.

A table stands between the lines ``<!-- table: NAME -->`` and ``<!-- end -->``. The tests fail where one is stale.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

os.environ.setdefault("KERAS_BACKEND", "torch")

import torch
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from xai_compare import explainers, human, study
from xai_compare.comparison import METRICS
from xai_compare.human import settings
from xai_compare.images.datasets import DATASETS
from xai_compare.models.sources import COMMON, SOURCES
from xai_compare.models.training import config as training
from xai_compare.models.zoo import ZOO
from xai_compare.registry import STAGES

DOCS = Path(__file__).parent
DOCUMENTS = ("study.md", "explainers.md", "methods.md", "zoo.md", "datasets.md", "training.md")

MEANINGS = {
    "Study.name": "what the report calls the study, and the folder in `runs/` if `--out` names none",
    "Study.seed": "of everything that is drawn: the choice of pictures, explainers, the bootstrap",
    "Study.images": "the pictures, see below",
    "Study.models": "the networks, see below; may be empty",
    "Study.explainers": "the explainers, see below; may be empty",
    "Study.human": "the people, see below; may be empty",
    "Study.masks": "`ekman`, a folder of masks (white inside, the expression in the file name), or `null` for none",
    "Study.compare": "the comparisons, see below",
    "Study.note": "free text, shown in the report",
    "Study.show_pictures": "whether the report may show single photographs with their maps; simulated faces are always "
    "shown",
    "ModelSpec.name": "what tables and figures call it; no slash",
    "source.keras": "a Keras model file (`.keras`, `.h5`, `.hdf5`); layers that carry code are refused",
    "source.torchvision": "the name of a torchvision architecture, such as `resnet18`",
    "source.timm": "the name of a timm architecture",
    "source.factory": "`file:function` of a file beside the study, or the name of a factory that an installed "
    "package registers; needs `--allow-code`; returns a `torch.nn.Module` or a `Model`",
    "source.bundled": "`compact` or `residual`, trained on simulated faces, or `photographic`, trained on photographs",
    "source.ensemble": "the folder `pairs` of a fold of a training with `pairs: true`: binary networks that vote",
    "source.vote": "of an ensemble: `simple`, the default, or `weighted`",
    "source.network": "of an ensemble, where its cards name code: the architecture of its networks, as a source",
    "source.zoo": "one of the paper's twelve networks, see [zoo.md](zoo.md)",
    "source.hf": "an image classifier of Hugging Face's transformers: a name on the hub, or a local folder; classes, "
    "size and normalization come from its configuration, and no code of a repository is run",
    "source.onnx": "an ONNX file, converted to torch layers so that it has gradients, and compared with onnxruntime",
    "source.export": "a file saved by `torch.export` (`.pt2`); a program, so it needs `--allow-code`",
    "source.torchscript": "a TorchScript file; a program, so it needs `--allow-code`; its insides cannot "
    "be watched, so CAM, Grad-CAM and rollout refuse it",
    "source.revision": "a branch, tag or commit on the hub",
    "source.weights": "a state dict (`.pth`, `.pt`, `.safetensors`), or `random`, or `pretrained` (may download)",
    "ModelSpec.classes": "the expression of each output, in the order of the outputs",
    "ModelSpec.input": "what it is fed, see below; the source's own by default, where it knows",
    "source.seed": "of random weights, or of torch while a factory runs",
    "source.output": "what it gives: `logits`, `probabilities`, `log_probabilities`, `sigmoid` (probabilities of "
    "each class by itself) or `independent_logits` (a sigmoid is to follow); found out where it is left out",
    "source.dropout": "`off` switches off dropouts that evaluation does not stop",
    "source.take": "number or name of the output that answers, where the network returns several",
    "source.outputs": "as `classes`, with the names of outputs that are no expressions, such as valence",
    "source.ignore": "the outputs that are no expressions; or write null for them under `classes`",
    "source.options": "keywords for the factory",
    "source.engine": "of a Keras model: `native` rebuilds it from torch layers, `keras` keeps Keras's own; `auto` "
    "takes the first where it can",
    "source.folder": "where a factory's module lies; the study's folder by default",
    "ModelInput.size": "pixels: one number, or `[height, width]`",
    "ModelInput.channels": "`rgb`, `bgr`, `grey` (one channel) or `grey3` (the grey picture in three channels)",
    "ModelInput.range": "the values of black and white, such as `[0, 1]` or `[-1, 1]`; `[0, 1]` where `mean` is given",
    "ModelInput.mean": "per channel, subtracted after `range`",
    "ModelInput.std": "per channel, divided by after `mean`",
    "ExplainerSpec.name": "a registered explainer, see [explainers.md](explainers.md)",
    "ExplainerSpec.label": "what tables call it; the name by default. Two of one name need two labels",
    "ExplainerSpec.options": "the explainer's own options",
    "Compare.thresholds": "see below",
    "Compare.correlation": "which correlations are computed between sources",
    "Thresholds.iou": "how a map becomes a mask for IoU, precision, recall and F1",
    "Thresholds.dice": "of maps scaled to 0..255; values *above* it are 1",
    "*.seed": "of whatever the explainer draws; the study's seed by default",
}
"""Meanings of the keys that do not carry their own description."""


def cell(text: object) -> str:
    """Text that may stand in a cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cell(text) for text in line)} |" for line in lines)


def values(kind: Any) -> str:
    """What a key may hold, in words."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return values(inner[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(values(one) for one in inner if one is not type(None)))
    if origin in (list, tuple):
        return f"list of {values(inner[0])}"
    if hasattr(kind, "__pydantic_fields__"):
        return "keys"
    words = {int: "whole number", float: "number", str: "text", bool: "`true`, `false`", Path: "path"}
    return words.get(kind, "mapping")


def default(field: Any) -> str:
    """A key's default, in words."""
    if field.is_required():
        return "*must be given*"
    value = field.default_factory() if field.default_factory else field.default
    if value is None or value is PydanticUndefined or value in ({}, [], ""):
        return "none"
    if hasattr(value, "__pydantic_fields__"):
        return "see there"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def fields(model: Any) -> dict[str, FieldInfo]:
    """The fields of a model, or of a dataclass that pydantic checks."""
    return dict(model.__pydantic_fields__)


def meaning(model: Any, name: str) -> str:
    """What a key means: its own description, or one of `MEANINGS`.

    Raises:
        KeyError: if neither is there.
    """
    said = fields(model)[name].description
    if said is None:
        said = MEANINGS.get(f"{model.__name__}.{name}") or MEANINGS[f"*.{name}"]
    return said[0].upper() + said[1:] + ("" if said.endswith(".") else ".")


def keys(model: Any) -> str:
    """The table of a model's keys."""
    rows = [
        (f"`{name}`", values(field.annotation), default(field), meaning(model, name))
        for name, field in sorted(fields(model).items(), key=lambda item: not item[1].is_required())
    ]
    return table(("key", "values", "default", "meaning"), rows)


def options() -> str:
    """The tables of all explainers of this package."""
    parts = []
    for name in explainers.REGISTRY.names():
        made = explainers.create(name)
        if type(made).__module__.startswith("xai_compare."):
            first = (type(made).__doc__ or "").strip().splitlines()[0]
            chosen = keys(type(made.options)) if type(made.options).model_fields else "It has no options."
            parts.append(f"### `{name}`\n{first}\n\n{chosen}")
    return "\n\n".join(parts)


def metrics() -> str:
    """The table of all metrics."""
    rows = [
        (
            f"`{m.name}`",
            m.title,
            f"{m.range[0]:g} .. {m.range[1]:g}".replace("inf", "∞"),
            m.direction,
            " and ".join(m.needs),
            m.source,
            m.undefined,
        )
        for m in METRICS.all().values()
    ]
    return table(("metric", "what it is", "range", "better", "needs", "source", "NaN where"), rows)


def formats() -> str:
    """The table of file formats of people's data."""
    own = {name: one for name, one in human.FORMATS.all().items() if one.read.__module__.startswith("xai_compare.")}
    rows = [(f"`{name}`", one.yields, one.about) for name, one in own.items()]
    return table(("format", "holds", "what it is"), sorted(rows, key=lambda row: (row[1], row[0])))


def sources() -> str:
    """The table of sources of networks and of the keys that each reads."""
    readers: dict[str, list[str]] = {}
    for source in SOURCES.names():
        for key in SOURCES.get(source).KEYS:
            if key not in COMMON:
                readers.setdefault(key, []).append(source)
    rows = [(f"`{source}`", "a source", MEANINGS[f"source.{source}"]) for source in SOURCES.names()]
    rows += [(f"`{key}`", "", MEANINGS[f"source.{key}"]) for key in COMMON if f"source.{key}" in MEANINGS]
    for key, known in readers.items():
        rows.append((f"`{key}`", f"with {', '.join(f'`{one}`' for one in known)}", MEANINGS[f"source.{key}"]))
    said = [(key, which, f"{meaning[0].upper()}{meaning[1:]}.") for key, which, meaning in rows]
    return table(("key", "which", "meaning"), said)


def stages() -> str:
    """The table of the stages that a study asks for by a key of their name."""
    asked = {name: stage for name, stage in STAGES.all().items() if stage.Options is not None}
    rows = [(f"`{name}`", (stage.Options.__doc__ or "").strip().splitlines()[0]) for name, stage in asked.items()]
    return table(("key", "what it asks for"), rows)


def zoo() -> str:
    """The table of the zoo's networks: our parameters beside the published ones."""
    rows = []
    for entry in sorted((ZOO.get(name) for name in ZOO), key=lambda entry: (entry.imagenet is not None, entry.epochs)):
        with torch.device("meta"):
            count = sum(p.numel() for p in entry.make(6, False).parameters())
        number, unit = entry.published.split()
        off = count / (float(number) * {"K": 1e3, "M": 1e6}[unit]) - 1
        rows.append(
            (
                f"`{entry.name}`",
                entry.title,
                f"{entry.input.size[0]} x {entry.input.size[1]}",
                f"{count:,}",
                entry.published,
                f"{100 * off:+.2f} %",
                entry.made_of,
                "yes" if entry.imagenet else "no",
                str(entry.epochs),
                f"`{entry.layer}`",
                "yes" if entry.cam else "no",
            )
        )
    header = (
        "zoo",
        "in the paper",
        "input",
        "parameters",
        "published",
        "difference",
        "layers from",
        "ImageNet weights in the paper",
        "epochs in the paper",
        "Grad-CAM layer",
        "CAM applies",
    )
    return table(header, rows)


def datasets() -> str:
    """The table of readers of datasets."""
    rows = [
        (f"`{name}`", one.title, one.layout, one.rule, one.source)
        for name, one in ((name, DATASETS.get(name)) for name in DATASETS.names())
    ]
    return table(("name", "dataset", "expected files", "what is taken", "the rules come from"), rows)


def tables() -> dict[str, str]:
    """Every table by its name."""
    return {
        "study": keys(study.Study),
        "images": keys(study.Images),
        "models": keys(study.ModelSpec),
        "sources": sources(),
        "input": keys(study.ModelInput),
        "explainers": keys(study.ExplainerSpec),
        "human": keys(study.HumanSpec),
        "gaze": keys(settings.GazeSettings),
        "formats": formats(),
        "screen": keys(settings.ScreenGeometry),
        "compare": keys(study.Compare),
        "thresholds": keys(study.Thresholds),
        "stages": stages(),
        "faithfulness": keys(STAGES.get("faithfulness").Options),
        "tests": keys(STAGES.get("tests").Options),
        "multiverse": keys(STAGES.get("multiverse").Options),
        "interactions": keys(STAGES.get("interactions").Options),
        "responses": keys(STAGES.get("responses").Options),
        "options": options(),
        "metrics": metrics(),
        "zoo": zoo(),
        "datasets": datasets(),
        "training": keys(training.Training),
        "training_data": keys(training.Source),
        "training_optimizer": keys(training.Optimizer),
        "training_reveal": keys(training.ClickTuningOptions),
        "training_towards": keys(training.MapLossOptions),
    }


def renewed(text: str, made: dict[str, str]) -> str:
    """A document with its tables made anew."""

    def put(found: re.Match[str]) -> str:
        return f"<!-- table: {found[1]} -->\n{made[found[1]]}\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", put, text, flags=re.DOTALL)


if __name__ == "__main__":
    fresh = tables()
    for document in DOCUMENTS:
        path = DOCS / document
        path.write_text(renewed(path.read_text("utf-8"), fresh), "utf-8")
