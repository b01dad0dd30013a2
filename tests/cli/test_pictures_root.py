"""Which folder `check-model` takes pictures from."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from xai_compare.api.networks import pictures_root


@pytest.mark.parametrize(
    ("images", "expected"),
    [({"manifest": "a/labels.csv", "root": "b"}, "b"), ({"manifest": "a/labels.csv"}, None), ({"folder": "a"}, None)],
    ids=["named", "beside the manifest", "folder"],
)
def test_the_studys_own_root_is_taken_where_it_names_one(
    images: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    study = {"images": images, "explainers": ["random"], "models": [{"name": "net", "bundled": "compact"}]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({"name": "s", **study}), "utf-8")
    root = pictures_root(f"{tmp_path / 'study.yaml'}:net")
    assert root == (None if expected is None else tmp_path / expected)
    assert pictures_root("compact") is None
