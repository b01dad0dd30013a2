"""Pictures in folders, with labels or without, and a draw of some of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from xai_compare.errors import InputError
from xai_compare.images import read_folder, read_manifest, read_pattern


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    read = read_folder(touched(tmp_path, "b.png", "a.jpg", "notes.txt", ".hidden.png"))
    assert read.rows[["image", "expression"]].to_numpy().tolist() == [["a.jpg", ""], ["b.png", ""]]
    assert read.skipped == []


def test_pictures_beside_the_folders_of_expressions_are_skipped_and_named(tmp_path: Path) -> None:
    read = read_folder(touched(tmp_path, "anger/a.png", "stray.png", "__MACOSX/anger.png"))
    assert read.rows["image"].tolist() == ["anger/a.png"]
    assert read.skipped == [("stray.png", "lies beside the sub-folders of expressions")]


@pytest.mark.parametrize(
    ("names", "labels"),
    [(["anger/a.png", "Happy/b.png"], ["happiness", "anger"]), (["one/a.png", "anger/b.png"], ["", ""])],
    ids=["all folders are expressions", "one is not"],
)
def test_a_pattern(tmp_path: Path, names: list[str], labels: list[str]) -> None:
    read = read_pattern(str(touched(tmp_path, *names, "anger/readme.txt") / "*/*"))
    assert read.rows["expression"].tolist() == labels
    assert all(Path(file).is_file() for file in read.rows["path"])


def test_a_pattern_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no picture found; give a pattern"):
        read_pattern(str(tmp_path / "*.png"))


def test_a_draw_is_even_over_labels_and_the_seed_decides_it(tmp_path: Path) -> None:
    many = [f"{folder}/{n}.png" for folder, count in (("anger", 20), ("fear", 3), ("sad", 20)) for n in range(count)]
    read = read_folder(touched(tmp_path, *many))
    drawn = read.drawn(13, seed=1)
    assert drawn.rows["expression"].value_counts().to_dict() == {"anger": 5, "fear": 3, "sadness": 5}
    assert drawn.offered == 43
    assert drawn.rows["image"].tolist() == read.drawn(13, seed=1).rows["image"].tolist()
    assert drawn.rows["image"].tolist() != read.drawn(13, seed=2).rows["image"].tolist()
    assert drawn.rows["image"].tolist() == sorted(drawn.rows["image"])
    assert read.drawn(43, seed=1) is read


def test_a_draw_keeps_what_was_skipped(tmp_path: Path) -> None:
    touched(tmp_path, *(f"{n}.png" for n in range(5)))
    text = "image,expression\n" + "".join(f"{n}.png,\n" for n in range(6))
    (tmp_path / "labels.csv").write_text(text)
    drawn = read_manifest(tmp_path / "labels.csv").drawn(2, seed=0)
    assert (len(drawn.rows), drawn.offered) == (2, 5)
    assert drawn.skipped == [("5.png", "no such file")]
