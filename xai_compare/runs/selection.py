"""Which pictures each network explains: its positives, or those of a label (Gaya-Morey et al. 2024, section 4.6)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.expressions import ordered
from xai_compare.models import Model
from xai_compare.runs.faces import Faces
from xai_compare.runs.journal import Journal
from xai_compare.runs.progress import Advance, batches
from xai_compare.study import ModelSpec, Study

BATCH = 32


@dataclass(frozen=True)
class Item:
    """One picture that one network explains.

    Attributes:
        image: its name in the manifest.
        group: the expression, or pair of expressions, whose heatmap it goes into.
        target: what is explained: a class, or a pair of classes (the difference of their outputs).
        label, predicted: expression by the manifest and by the network.
        probability: the network's, of the predicted class.
    """

    image: str
    group: str
    target: str | tuple[str, str]
    label: str
    predicted: str
    probability: float


def pair_name(first: str, second: str) -> str:
    """The group of an unordered pair of expressions, such as ``"happiness-sadness"``."""
    return "-".join(ordered([first, second]))


def shuffled(images: list[str], seed: int) -> list[str]:
    """``images`` in an order that depends on their names and the seed alone."""
    return sorted(images, key=lambda image: hashlib.sha256(f"{seed}:{image}".encode()).digest())


class Selector:
    """Chooses the pictures of one network, remembering its predictions in the run."""

    def __init__(self, study: Study, faces: Faces, model: Model, spec: ModelSpec, journal: Path, identity: str) -> None:
        self.study, self.faces, self.model, self.spec = study, faces, model, spec
        self.identity = identity
        self._journal = Journal(journal)
        self.wanted = study.images.per_expression

    def candidates(self) -> list[str]:
        """The pictures this network may explain, in the order in which they are tried."""
        rows = self.faces.rows
        if self.spec.split is not None:
            rows = rows[rows["split"] == self.spec.split]
        return shuffled([str(image) for image in rows["image"]], self.study.seed)

    def select(self, advance: Advance) -> list[Item]:
        """Go through the candidates until every group is full, or all have been tried."""
        chosen: dict[str, list[Item]] = {}
        groups = self._groups()
        for part in batches(self.candidates(), BATCH):
            part = [image for image in part if not self._full(chosen, self._known_group(image))]
            for item in self._predicted(part):
                members = chosen.setdefault(item.group, [])
                if item.group in groups and (self.wanted is None or len(members) < self.wanted):
                    members.append(item)
            advance(len(part))
            if self.wanted is not None and all(self._full(chosen, group) for group in groups):
                break
        return [item for group in ordered(groups) for item in chosen.get(group, [])]

    def predictions(self, items: list[Item]) -> pd.DataFrame:
        """Every prediction made: model, image, label, predicted, probability, selected."""
        selected = {item.image for item in items}
        rows = []
        for image in self.candidates():
            record = self._journal.get(image)
            if record is not None and record.get("identity") == self._stamp(image):
                best = int(np.argmax(record["probabilities"]))
                rows.append(
                    {
                        "model": self.spec.label,
                        "image": image,
                        "label": self.faces.rows.at[image, "expression"],
                        "predicted": self.model.classes[best],
                        "probability": record["probabilities"][best],
                        "selected": image in selected,
                    }
                )
        return pd.DataFrame(rows, columns=["model", "image", "label", "predicted", "probability", "selected"])

    def _groups(self) -> set[str]:
        if not self.study.images.pairs:
            return set(self.model.classes)
        groups = {self._known_group(image) for image in self.candidates()}
        return {group for group in groups if group and set(group.split("-")) <= set(self.model.classes)}

    def _known_group(self, image: str) -> str:
        """The group a picture belongs to by its label; empty where only a prediction can tell."""
        if self.study.images.choose_by == "predicted":
            return ""
        row = self.faces.rows.loc[image]
        if self.study.images.pairs:
            return pair_name(row["expression"], row["false_label"]) if row["expression"] and row["false_label"] else "?"
        return str(row["expression"]) or "?"

    def _full(self, chosen: dict[str, list[Item]], group: str) -> bool:
        return bool(group) and self.wanted is not None and len(chosen.get(group, [])) >= self.wanted

    def _stamp(self, image: str) -> str:
        return f"{self.identity}:{self.faces.sha256(image)}"

    def _predicted(self, images: list[str]) -> list[Item]:
        unknown = [i for i in images if (self._journal.get(i) or {}).get("identity") != self._stamp(i)]
        unknown = [i for i in unknown if not self.faces.reason(i)]
        crops = self.faces.find(unknown)
        if crops:
            pictures = np.stack([crop.resized(self.model.input.size)[0] for crop in crops.values()])
            outputs = self.model.predict(pictures, batch_size=BATCH)
            self._journal.add(
                {
                    image: {"identity": self._stamp(image), "probabilities": [float(p) for p in output]}
                    for image, output in zip(crops, outputs, strict=True)
                }
            )
        return [self._item(image) for image in images if not self.faces.reason(image)]

    def _item(self, image: str) -> Item:
        record = self._journal.get(image)
        assert record is not None
        best = int(np.argmax(record["probabilities"]))
        predicted, label = self.model.classes[best], str(self.faces.rows.at[image, "expression"])
        group = self._known_group(image) or predicted
        target: str | tuple[str, str] = group
        if self.study.images.pairs:
            target = (label, str(self.faces.rows.at[image, "false_label"]))
        return Item(image, group, target, label, predicted, float(record["probabilities"][best]))
