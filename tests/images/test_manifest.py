"""Manifests and folders: what is skipped with a reason, and what must be fixed first."""

from __future__ import annotations

from pathlib import Path

import pytest

from xai_compare.errors import InputError
from xai_compare.images import read_folder, read_manifest


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with three files that a manifest may name, and one outside."""
    root = tmp_path / "root"
    (root / "more").mkdir(parents=True)
    for name in ("a.png", "b.png", "more/c.png", "../outside.png"):
        (root / name).write_bytes(b"x")
    return root


def manifest(root: Path, text: str | bytes) -> Path:
    path = root / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_rows_and_optional_columns(place: Path) -> None:
    read = read_manifest(
        manifest(place, "image,expression,subject,false_label\na.png,Happy,7,fear\nmore/c.png,SAD,,\n")
    )
    assert read.skipped == []
    assert read.rows["image"].tolist() == ["a.png", "more/c.png"]
    assert read.rows["expression"].tolist() == ["happiness", "sadness"]
    assert read.rows["subject"].tolist() == ["7", ""]
    assert read.rows["false_label"].tolist() == ["fear", ""]
    assert read.rows["split"].tolist() == ["", ""]
    assert read.rows["path"].tolist() == [str(place / "a.png"), str(place / "more/c.png")]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfimage,expression\na.png,anger\n",
        b"IMAGE,Expression\na.png,anger\n",
        b" image , expression\na.png, anger \n",
        b"image,expression\r\na.png,anger\r\n",
        b'"image","expression"\n"a.png","anger"\n',
        b"expression,image,colour\nangry,a.png,red\n",
        b"image,expression\n\na.png,anger\n\n",
        b"image,expression,\na.png,anger,,,\n,,\n",
        b"image;expression\na.png;anger\n",
        b"\xef\xbb\xbfimage;expression;subject\r\na.png;anger;7\r\n",
        b"image\texpression\na.png\tanger\n",
    ],
    ids=[
        "BOM",
        "upper case",
        "spaces",
        "Windows",
        "quoted",
        "another order, another column",
        "blank lines",
        "empty columns",
        "semicolons",
        "German Excel",
        "tabs",
    ],
)
def test_manifests_as_spreadsheets_write_them(place: Path, text: bytes) -> None:
    rows = read_manifest(manifest(place, text)).rows
    assert rows[["image", "expression"]].to_numpy().tolist() == [["a.png", "anger"]]


def test_an_image_may_be_unlabelled(place: Path) -> None:
    assert read_manifest(manifest(place, "image,expression\na.png,\n")).rows["expression"].tolist() == [""]


def test_a_root_elsewhere(place: Path, tmp_path: Path) -> None:
    path = manifest(tmp_path, "image,expression\na.png,anger\n")
    assert read_manifest(path, place).rows["path"].tolist() == [str(place / "a.png")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.png", "no such file"),
        ("more", "no such file"),
        ("a.png", "named twice"),
        ("./a.png", "named twice"),
        ("more/../a.png", "named twice"),
        ("../outside.png", "outside the root"),
        ("../root/../outside.png", "outside the root"),
        ("/etc/hostname", "outside the root"),
        ("  ", "names no image"),
        ("a\0.png", "no such file"),
        ("x" * 5000, "no such file"),
    ],
    ids=["absent", "folder", "twice", "./", "there and back", "../", "../ hidden", "absolute", "blank", "NUL", "long"],
)
def test_bad_rows_are_skipped_with_their_reason(place: Path, name: str, reason: str) -> None:
    read = read_manifest(manifest(place, f"image,expression\na.png,anger\n{name},fear\nb.png,fear\n"))
    assert read.rows["image"].tolist() == ["a.png", "b.png"]
    ((image, why),) = read.skipped
    assert image == name.strip()
    assert reason in why


def test_outside_may_be_allowed(place: Path) -> None:
    path = manifest(place, "image,expression\n../outside.png,anger\n")
    assert len(read_manifest(path, allow_outside=True).rows) == 1


def test_a_link_out_of_the_root_is_outside(place: Path) -> None:
    (place / "link.png").symlink_to(place.parent / "outside.png")
    read = read_manifest(manifest(place, "image,expression\na.png,anger\nlink.png,anger\n"))
    assert "outside the root" in read.skipped[0][1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"image,expression\n", "no rows"),
        (b"file,expression\na.png,anger\n", "column 'image' is missing"),
        (b"image,expresion\na.png,anger\n", "did you mean 'expresion'"),
        (b"image,image,expression\na.png,b.png,anger\n", "'image' more than once"),
        (b"image,IMAGE,expression\na.png,b.png,anger\n", "'image' appears twice"),
        (b"image,expression\na.png,anger\nb.png,hapiness\n", "line 3: unknown expression 'hapiness'; did you mean"),
        (b"image,expression,false_label\na.png,anger,rage\n", "line 2: unknown expression 'rage'"),
        (b"image,expression\n\n\na.png,rage\n", "line 4: unknown expression 'rage'"),
        (b'image,expression\n"a.png,anger\n', "is not delimited text"),
        (b"image,expression\na.png,anger,extra\n", "row 2 has 3 cells where the header has 2"),
        (b"image,expression\na.png,anger\nb.png,anger,extra,more\n", "row 3 has 4 cells"),
        ("image,expression\nä.png,anger\n".encode("latin-1"), "not UTF-8"),
        ("image,expression\na.png,anger\n".encode("utf-16-le"), "not text, or UTF-16 without"),
        (b"image,expression\nnone.png,anger\n", "no image can be used .*'none.png': no such file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not UTF-8"),
    ],
    ids=[
        "empty",
        "blank",
        "header only",
        "no image",
        "misspelt",
        "twice",
        "twice in other case",
        "unknown expression",
        "unknown false label",
        "unknown after blank lines",
        "open quote",
        "a field too many",
        "fields too many in one row",
        "latin-1",
        "utf-16",
        "nothing left",
        "a picture",
    ],
)
def test_what_must_be_mended_first(place: Path, text: bytes, message: str) -> None:
    path = manifest(place, text)
    with pytest.raises(InputError, match=message) as error:
        read_manifest(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such manifest"):
        read_manifest(tmp_path / "none.csv")


def test_a_folder_per_expression(tmp_path: Path) -> None:
    for name in ("Happy/b.JPG", "Happy/deep/a.png", "anger/c.png", "anger/notes.txt", "stray.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    rows = read_folder(tmp_path).rows
    assert rows[["image", "expression"]].to_numpy().tolist() == [
        ["Happy/b.JPG", "happiness"],
        ["Happy/deep/a.png", "happiness"],
        ["anger/c.png", "anger"],
    ]
    assert all(Path(path).is_file() for path in rows["path"])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["rage/a.png"], "rage: the folder's name is no expression"),
        (["anger/notes.txt"], "no picture found"),
        ([], "no picture found"),
    ],
    ids=["unknown expression", "no picture", "empty"],
)
def test_folders_that_must_be_mended(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=message):
        read_folder(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_folder(tmp_path / "none")


def test_a_file_of_another_ending_is_named(place: Path) -> None:
    read = read_manifest(manifest(place, "image,expression\na.png,anger\nb.jpg,anger\n"))
    assert read.skipped == [("b.jpg", "no such file; did you mean 'b.png'?")]
