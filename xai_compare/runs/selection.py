"""Which pictures each network explains: its positives, or those of a label (Gaya-Morey et al. 2024, section 4.6)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.expressions import ordered
from xai_compare.runs.faces import Faces
from xai_compare.runs.journal import Journal
from xai_compare.runs.progress import Advance, batches
from xai_compare.runs.work import LOOK, Item
from xai_compare.study import ModelSpec, Study

Seen = tuple[dict[str, dict[str, Any]], dict[str, list[float]]]
Look = Callable[[Iterable[Sequence[str]]], Iterator[Seen]]
"""Lets a network look at lists of pictures, one after the other, however many processes do it."""


def pair_name(first: str, second: str) -> str:
    """The group of an unordered pair of expressions, such as ``"happiness-sadness"``."""
    return "-".join(ordered([first, second]))


def shuffled(images: list[str], seed: int) -> list[str]:
    """``images`` in an order that depends on their names and the seed alone."""
    return sorted(images, key=lambda image: hashlib.sha256(f"{seed}:{image}".encode()).digest())


class Selector:
    """Chooses the pictures of one network, remembering its predictions in the run.

    Args:
        study: what is asked.
        faces: the pictures.
        spec: the network.
        classes: its classes.
        journal: the file that remembers its predictions.
        identity: a hash of the network.
    """

    def __init__(
        self, study: Study, faces: Faces, spec: ModelSpec, classes: Sequence[str], journal: Path, identity: str
    ) -> None:
        self.study, self.faces, self.spec, self.classes = study, faces, spec, list(classes)
        self.identity = identity
        self._journal = Journal(journal)
        self.wanted = study.images.per_expression

    def candidates(self) -> list[str]:
        """The pictures this network may explain, in the order in which they are tried."""
        rows = self.faces.rows
        if self.spec.split is not None:
            rows = rows[rows["split"] == self.spec.split]
        return shuffled([str(image) for image in rows["image"]], self.study.seed)

    def select(self, look: Look, advance: Advance) -> list[Item]:
        """Go through the candidates until every group is full, or all have been tried."""
        chosen: dict[str, list[Item]] = {}
        groups = self._groups()
        candidates = [image for image in self.candidates() if self._known_group(image) in (groups | {""})]
        parts = list(batches(candidates, LOOK))
        seen = look([image for image in part if self._unknown(image)] for part in parts)
        for part, (found, outputs) in zip(parts, seen, strict=False):
            self.faces.learn(found)
            self._remember(outputs)
            for image in part:
                if not self.faces.reason(image):
                    item = self._item(image)
                    members = chosen.setdefault(item.group, [])
                    if not self._full(chosen, item.group):
                        members.append(item)
            advance(len(part))
            if groups and all(self._full(chosen, group) for group in groups):
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
                        "predicted": self.classes[best],
                        "probability": record["probabilities"][best],
                        "selected": image in selected,
                    }
                )
        return pd.DataFrame(rows, columns=["model", "image", "label", "predicted", "probability", "selected"])

    def _groups(self) -> set[str]:
        if not self.study.images.pairs:
            return set(self.classes)
        groups = {self._known_group(image) for image in self.candidates()}
        return {group for group in groups if set(group.split("-")) <= set(self.classes)}

    def _known_group(self, image: str) -> str:
        """The group a picture belongs to by its label; empty where only a prediction can tell."""
        if self.study.images.choose_by == "predicted":
            return ""
        row = self.faces.rows.loc[image]
        if self.study.images.pairs:
            return pair_name(row["expression"], row["false_label"]) if row["expression"] and row["false_label"] else "?"
        return str(row["expression"]) or "?"

    def _full(self, chosen: dict[str, list[Item]], group: str) -> bool:
        return self.wanted is not None and len(chosen.get(group, [])) >= self.wanted

    def _stamp(self, image: str) -> str:
        return f"{self.identity}:{self.faces.sha256(image)}"

    def _unknown(self, image: str) -> bool:
        """Whether the network has yet to look at the picture."""
        if self.faces.reason(image):
            return False
        return (self._journal.get(image) or {}).get("identity") != self._stamp(image)

    def _remember(self, outputs: dict[str, list[float]]) -> None:
        if outputs:
            stamps = {image: self._stamp(image) for image in outputs}
            self._journal.add({i: {"identity": stamps[i], "probabilities": out} for i, out in outputs.items()})

    def _item(self, image: str) -> Item:
        record = self._journal.get(image)
        assert record is not None
        best = int(np.argmax(record["probabilities"]))
        predicted, label = self.classes[best], str(self.faces.rows.at[image, "expression"])
        group = self._known_group(image) or predicted
        target: str | tuple[str, str] = group
        if self.study.images.pairs:
            target = (label, str(self.faces.rows.at[image, "false_label"]))
        return Item(image, group, target, label, predicted, float(record["probabilities"][best]))
