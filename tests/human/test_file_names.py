"""A file's name is the same with composed or decomposed letters, and with either slash."""

import unicodedata

import pytest

from xai_compare.human import match_images
from xai_compare.images.manifest import read_manifest

NAMES = ("Zoë_café.jpg", "sub/été.jpg")


def _spelt(name, form, slash):
    return unicodedata.normalize(form, name).replace("/", slash)


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("named", ["NFC", "NFD"])
@pytest.mark.parametrize("slash", ["/", "\\"])
def test_names_are_found(tmp_path, on_disk, named, slash):
    (tmp_path / "sub").mkdir()
    for name in NAMES:
        (tmp_path / _spelt(name, on_disk, "/")).write_bytes(b"picture")
    images = [_spelt(name, named, slash) for name in NAMES]
    rows = "".join(f"{image},happy\n" for image in images)
    (tmp_path / "labels.csv").write_text("image,expression\n" + rows, "utf-8")
    manifest = read_manifest(tmp_path / "labels.csv")
    assert manifest.rows["image"].tolist() == images
    assert not manifest.skipped
    clicked = [_spelt(name, on_disk, "/") for name in NAMES]
    assert match_images(clicked, images) == (dict(zip(clicked, images, strict=True)), {})


def test_two_spellings_of_a_file_are_one_picture(tmp_path):
    (tmp_path / _spelt(NAMES[0], "NFC", "/")).write_bytes(b"picture")
    rows = "".join(f"{_spelt(NAMES[0], form, '/')},happy\n" for form in ("NFC", "NFD"))
    (tmp_path / "labels.csv").write_text("image,expression\n" + rows, "utf-8")
    manifest = read_manifest(tmp_path / "labels.csv")
    assert len(manifest.rows) == 1
    assert manifest.skipped[0][1] == "named twice in the manifest; the first row counts"


def test_a_back_slash_does_not_leave_the_root(tmp_path):
    (tmp_path / "root").mkdir()
    for file in (tmp_path / "outside.jpg", tmp_path / "root" / "a.jpg"):
        file.write_bytes(b"picture")
    (tmp_path / "labels.csv").write_text("image,expression\na.jpg,happy\n..\\outside.jpg,happy\n")
    manifest = read_manifest(tmp_path / "labels.csv", tmp_path / "root")
    assert manifest.rows["image"].tolist() == ["a.jpg"]
    assert "lies outside the root" in manifest.skipped[0][1]
