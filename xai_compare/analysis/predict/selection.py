"""Which pictures each network explains: its positives, or those of a label (Gaya-Morey et al. 2024, section 4.6)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from xai_compare.expressions import ordered
from xai_compare.runs.face_cache import FaceCache
from xai_compare.runs.store import Checked, Journal
from xai_compare.study import ModelSpec, Study

PREDICTIONS = ("model", "image", "label", "predicted", "probability", "selected")
Target = str | tuple[str, str]
"""What is explained: a class, or a pair of classes (the difference of their outputs)."""


class Prediction(Checked):
    """What a run remembers of a network's answer: of which network and picture, and the classes' probabilities."""

    identity: str
    probabilities: list[float] = Field(min_length=1)


@dataclass(frozen=True)
class Item:
    """One picture that one network explains.

    Attributes:
        image: its name in the manifest.
        group: the expression, or pair of expressions, whose heatmap it goes into.
        target: what is explained.
        label, predicted: expression by the manifest and by the network.
        probability: the network's, of the predicted class.
    """

    image: str
    group: str
    target: Target
    label: str
    predicted: str
    probability: float


def map_facts(item: Item, row: Any) -> dict[str, Any]:
    """What tables know of the map of an item, whose row of the manifest is given."""
    pair = item.target if isinstance(item.target, tuple) else (item.target, "")
    target = {"target": pair[0], "against": pair[1]}
    return {**asdict(item), **target, "subject": str(row["subject"]), "dataset": str(row["dataset"])}


def label_groups(study: Study, rows: pd.DataFrame) -> dict[str, str]:
    """The group of each image of a manifest by its label; ``""`` where it is not labelled."""
    if study.images.pairs:
        pairs = zip(rows["expression"], rows["false_label"], strict=True)
        names = [pair_name(a, b) if a and b else "" for a, b in pairs]
    else:
        names = [str(name) for name in rows["expression"]]
    return dict(zip(rows.index.astype(str), names, strict=True))


def labelled_facts(study: Study, rows: pd.DataFrame, images: Sequence[str]) -> list[dict[str, Any]]:
    """What tables know of the maps of images that are grouped by their labels."""
    groups, facts = label_groups(study, rows), []
    for image in images:
        row = rows.loc[image]
        about = {"subject": str(row["subject"]), "dataset": str(row["dataset"])}
        facts.append({"image": image, "group": groups[image], "label": str(row["expression"]), **about})
    return facts


def pair_name(first: str, second: str) -> str:
    """The group of an unordered pair of expressions.

    >>> pair_name("sadness", "happiness")
    'happiness-sadness'
    """
    return "-".join(ordered([first, second]))


def shuffled(images: list[str], seed: int) -> list[str]:
    """``images`` in an order that depends on their names and the seed alone.

    Images that join a study later thus leave the order of the others as it was, and so the choice among them.

    >>> shuffled(["a.png", "b.png", "c.png"], seed=1) == shuffled(["c.png", "a.png", "b.png"], seed=1)
    True
    """
    return sorted(images, key=lambda image: hashlib.sha256(f"{seed}:{image}".encode()).digest())


class Selector:
    """Chooses the pictures of one network, remembering its predictions in the run.

    Args:
        study: what is asked.
        pictures: the pictures.
        spec: the network.
        classes: its classes.
        journal: the file that remembers its predictions.
        identity: a hash of the network.
    """

    def __init__(
        self, study: Study, pictures: FaceCache, spec: ModelSpec, classes: Sequence[str], journal: Path, identity: str
    ) -> None:
        self.study, self.pictures, self.spec, self.classes = study, pictures, spec, list(classes)
        self.identity = identity
        self._journal = Journal(journal, Prediction)
        self._wanted = study.images.per_expression
        self._chosen: dict[str, list[Item]] = {}
        self._groups = self._find_groups()

    def candidates(self) -> list[str]:
        """The pictures this network may explain, in the order in which they are tried."""
        return [image for image in self._tried() if self._known_group(image) in (self._groups | {""})]

    @property
    def full(self) -> bool:
        """Whether every group has as many pictures as are wanted."""
        return bool(self._groups) and all(self._is_full(group) for group in self._groups)

    def unknown(self, image: str) -> bool:
        """Whether the network has yet to look at a picture."""
        if self.pictures.reason(image):
            return False
        return (self._journal.get(image) or {}).get("identity") != self._stamp(image)

    def remember(self, outputs: Mapping[str, Sequence[float]]) -> None:
        """Write down what the network says of pictures: image to probabilities."""
        if outputs:
            stamps = {image: self._stamp(image) for image in outputs}
            self._journal.add({i: {"identity": stamps[i], "probabilities": list(out)} for i, out in outputs.items()})

    def take(self, images: Sequence[str]) -> None:
        """Take pictures that were looked at into their groups, while these are not full."""
        for image in images:
            if not self.pictures.reason(image):
                item = self._item(image)
                members = self._chosen.setdefault(item.group, [])
                if not self._is_full(item.group):
                    members.append(item)

    def items(self) -> list[Item]:
        """The chosen pictures, group by group."""
        return [item for group in ordered(self._groups) for item in self._chosen.get(group, [])]

    def predictions(self) -> pd.DataFrame:
        """Every prediction made; columns `PREDICTIONS`."""
        selected = {item.image for item in self.items()}
        rows = []
        for image in self._tried():
            record = self._journal.get(image)
            if record is not None and record.get("identity") == self._stamp(image):
                best = int(np.argmax(record["probabilities"]))
                label, probability = self.pictures.rows.at[image, "expression"], record["probabilities"][best]
                rows.append(
                    (self.spec.label, image, label, self.classes[best], probability, image in selected),
                )
        return pd.DataFrame(rows, columns=list(PREDICTIONS))

    def contradiction(self) -> str:
        """A line that warns where the labels contradict the order of the network's classes; ``""`` where not."""
        from xai_compare.models.checking import contradiction  # It brings torch along, and `status` comes here too.

        labels, outputs = [], []
        for image in self._tried():
            record = self._journal.get(image)
            label = str(self.pictures.rows.at[image, "expression"])
            if label and record is not None and record.get("identity") == self._stamp(image):
                labels.append(label)
                outputs.append(record["probabilities"])
        return contradiction(labels, np.array(outputs), self.classes) if outputs else ""

    def _tried(self) -> list[str]:
        rows = self.pictures.rows
        if self.spec.split is not None:
            rows = rows[rows["split"] == self.spec.split]
        return shuffled([str(image) for image in rows["image"]], self.study.seed)

    def _find_groups(self) -> set[str]:
        if not self.study.images.pairs:
            return set(self.classes)
        rows = self.pictures.rows
        pairs = [pair for pair in zip(rows["expression"], rows["false_label"], strict=True) if all(pair)]
        return {pair_name(*pair) for pair in pairs if set(pair) <= set(self.classes)}

    def _known_group(self, image: str) -> str:
        """The group a picture belongs to by its label; empty where only a prediction can tell."""
        if self.study.images.choose_by == "predicted":
            return ""
        row = self.pictures.rows.loc[image]
        if self.study.images.pairs:
            return pair_name(row["expression"], row["false_label"]) if row["expression"] and row["false_label"] else "?"
        return str(row["expression"]) or "?"

    def _is_full(self, group: str) -> bool:
        return self._wanted is not None and len(self._chosen.get(group, [])) >= self._wanted

    def _stamp(self, image: str) -> str:
        return f"{self.identity}:{self.pictures.sha256(image)}"

    def _item(self, image: str) -> Item:
        record: dict[str, Any] | None = self._journal.get(image)
        assert record is not None
        best = int(np.argmax(record["probabilities"]))
        predicted, label = self.classes[best], str(self.pictures.rows.at[image, "expression"])
        group = self._known_group(image) or predicted
        target: Target = group
        if self.study.images.pairs:
            target = (label, str(self.pictures.rows.at[image, "false_label"]))
        return Item(image, group, target, label, predicted, float(record["probabilities"][best]))
