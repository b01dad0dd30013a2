"""Bad input to a run: a bad picture is skipped and listed, a mistake is said in one line before any work."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from toy_study import CLASSES, NETWORK, asked, maps_of

import xai_compare as xc
from xai_compare.errors import InputError


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def add(folder: Path, rows: list[dict[str, str]]) -> None:
    table = pd.read_csv(folder / "labels.csv", dtype=str)
    pd.concat([table, pd.DataFrame(rows)], ignore_index=True).to_csv(folder / "labels.csv", index=False)


def bad_pictures(folder: Path) -> dict[str, str]:
    """Put a bad picture of every kind into ``folder``; names to a word of the reason."""
    whole = (folder / "anger0.png").read_bytes()
    Image.new("RGB", (1, 1)).save(folder / "one pixel.png")
    Image.new("RGB", (90, 80), "grey").save(folder / "nobody.png")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(folder / "float.tif")
    contents = {
        "zero.jpg": b"",
        "text.jpg": b"no picture",
        "cut.png": whole[: len(whole) // 2],
        "bomb.png": png_header(20_000, 20_000),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder.parent / "outside.png").write_bytes(whole)
    return {
        "one pixel.png": "no face found",
        "nobody.png": "no face found",
        "float.tif": "floating-point",
        "zero.jpg": "empty",
        "text.jpg": "not a picture",
        "cut.png": "cannot be decoded",
        "bomb.png": "more than 64,000,000 pixels",
        "absent.png": "no such file",
        "../outside.png": "outside the root",
    }


def test_bad_pictures_are_skipped_counted_and_listed(pictures: Path, tmp_path: Path) -> None:
    reasons = bad_pictures(pictures)
    add(pictures, [{"image": name, "expression": "anger"} for name in [*reasons, "anger0.png"]])
    run = xc.run(asked(pictures, explainers=["random"]), tmp_path / "run", report=False)
    skipped = dict(run.skipped.to_numpy().tolist())
    assert skipped.keys() == {*reasons, "anger0.png"}
    for name, word in reasons.items():
        assert word in skipped[name]
    assert "named twice" in skipped["anger0.png"]
    assert run.provenance["skipped"] == run.skipped.to_dict("records")
    assert len(maps_of(run, "toy/random")) == 9


def test_odd_but_good_pictures_are_read(pictures: Path, tmp_path: Path) -> None:
    face = Image.open(pictures / "anger0.png")
    grey = np.asarray(face.convert("L")).astype(np.uint16) * 257
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(grey).save(pictures / "deep.png")
    face.convert("RGBA").save(pictures / "clear.png")
    face.convert("CMYK").save(pictures / "ink.tif")
    face.quantize(64).save(pictures / "palette.png")
    face.transpose(Image.Transpose.ROTATE_90).save(pictures / "turned.png", exif=turned)
    names = ["deep.png", "clear.png", "ink.tif", "palette.png", "turned.png"]
    pd.DataFrame({"image": ["anger0.png", *names], "expression": "anger"}).to_csv(pictures / "labels.csv", index=False)
    run = xc.run(asked(pictures, explainers=["grad_cam"]), tmp_path / "run", report=False)
    assert len(run.skipped) == 0
    maps = maps_of(run, "toy/grad_cam")
    for name in names:
        assert np.corrcoef(maps[name].ravel(), maps["anger0.png"].ravel())[0, 1] > 0.95


def test_several_faces_the_largest_is_taken_and_said(
    pictures: Path, tmp_path: Path, drawn: xc.synthetic.SimulatedFaces
) -> None:
    big = np.asarray(Image.fromarray(drawn.images[0]).resize((156, 168)))
    scene = np.full((170, 300, 3), 120, np.uint8)
    scene[:168, :156], scene[30:142, 180:284] = big, drawn.images[4]
    Image.fromarray(scene).save(pictures / "two.png")
    add(
        pictures,
        [{"image": "two.png", "expression": "anger"}],
    )
    run = xc.run(asked(pictures, explainers=["random"]), tmp_path / "run", report=False)
    row = run.images.set_index("image").loc["two.png"]
    assert row.faces == 2
    assert row.note == "2 faces; the largest was taken"


@pytest.mark.parametrize("wanted", ["7", "left"])
def test_a_face_that_is_not_there_skips_the_picture(pictures: Path, tmp_path: Path, wanted: str) -> None:
    table = pd.read_csv(pictures / "labels.csv", dtype=str)
    table["face"] = ["0", wanted] + [""] * 7
    table.to_csv(pictures / "labels.csv", index=False)
    run = xc.run(asked(pictures, explainers=["random"]), tmp_path / "run", report=False)
    ((image, reason),) = run.skipped.to_numpy().tolist()
    assert image == "happiness1.png"
    assert f"face '{wanted}' is not among the 1 found" in reason


def test_only_when_all_pictures_are_bad_the_run_ends(pictures: Path, tmp_path: Path) -> None:
    for path in pictures.glob("[!r]*.png"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"no image can be explained .*the file is empty"):
        xc.run(asked(pictures), tmp_path / "run", report=False)


def human(file: Path, **changes: Any) -> list[dict[str, Any]]:
    return [{"name": "c", "file": str(file), "format": "clicks", "pixels_per_degree": 6, **changes}]


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown explainer": ({"explainers": ["grad_cm"]}, "did you mean 'grad_cam'"),
    "captum's name": ({"explainers": ["integrated_gradients"]}, "did you mean 'captum:IntegratedGradients'"),
    "mistyped layer": ({"explainers": [{"grad_cam": {"layer": "featurs.0"}}]}, "did you mean 'features.0'"),
    "no such layer": ({"explainers": [{"grad_cam": {"layer": "xyzzy"}}]}, "no layer 'xyzzy'; it has 5 layers, such as"),
    "unknown option": ({"explainers": [{"random": {"cels": 3}}]}, "unknown option 'cels'.*did you mean 'cells'"),
    "bad option": ({"explainers": [{"random": {"cells": 0}}]}, "option 'cells' = 0"),
    "no manifest": ({"images": {"manifest": "/nowhere/labels.csv"}}, "/nowhere/labels.csv: no such manifest"),
    "no folder": ({"images": {"folder": "/nowhere"}}, "/nowhere: no such folder"),
    "no masks": ({"masks": "/nowhere"}, "/nowhere"),
    "too few classes": ({"models": [{**NETWORK, "classes": CLASSES[:2]}]}, "model 'toy': .*3.* outputs for 2 classes"),
    "too many classes": ({"models": [{**NETWORK, "classes": [*CLASSES, "fear"]}]}, "outputs for 4 classes"),
    "class twice": ({"models": [{**NETWORK, "classes": ["anger", "angry", "fear"]}]}, "name anger more than once"),
    "NaN network": ({"models": [{**NETWORK, "factory": "toy_networks:sick"}]}, "model 'toy': .*not finite"),
    "broken factory": ({"models": [{**NETWORK, "factory": "toy_networks:broken"}]}, "RuntimeError: this factory is"),
    "no factory": ({"models": [{**NETWORK, "factory": "toy_networks:absent"}]}, "no function 'absent'"),
    "no module": (
        {"models": [{**NETWORK, "factory": "no_such_module:f"}]},
        "there is no factory file .*no_such_module.py",
    ),
    "wrong channels": (
        {"models": [{**NETWORK, "input": {"size": 32, "channels": "rgb", "range": [0, 1]}}]},
        "does not run on rgb",
    ),
    "no weights": ({"models": [{**NETWORK, "weights": "/nowhere/w.pt"}]}, "/nowhere/w.pt"),
    "no source": ({"models": [{"name": "toy", "classes": CLASSES}]}, "source"),
    "no clicks": ({"human": human(Path("/nowhere/clicks.csv"))}, "/nowhere/clicks.csv"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_one_line(pictures: Path, tmp_path: Path, kind: str) -> None:
    changes, message = MISTAKES[kind]
    with pytest.raises(InputError, match=message) as error:
        xc.run(asked(pictures, **{"explainers": ["random"], **changes}), tmp_path / "run", report=False)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        ("participant,image,x,y\np,elsewhere.png,3,4\n", {}, "none of its images is in the manifest"),
        ("participant,image,x\np,anger0.png,3\n", {}, "y"),
        ("participant,image,x,y\np,anger0.png,3,four\n", {}, "four"),
        ("", {}, "empty"),
        ("participant,image,x,y\np,anger0.png,3,4\n", {"pixels_per_degree": None}, "give pixels_per_degree, or screen"),
        (
            "participant,image,x,y\np,anger0.png,0.5,0.4\np,anger0.png,1,0\nq,anger0.png,0.1,0.9\n",
            {},
            "fractions, not pixels from the top left corner; give units: fraction",
        ),
        ("participant,image,x,y\np,anger0.png,3,4\n", {"format": "klicks"}, "unknown format 'klicks'; did you mean"),
    ],
    ids=["other images", "no y", "a word", "empty", "no degrees", "fractions", "unknown format"],
)
def test_mistakes_about_people(
    pictures: Path, tmp_path: Path, content: str, changes: dict[str, Any], message: str
) -> None:
    (tmp_path / "clicks.csv").write_text(content)
    study = asked(pictures, explainers=["random"], human=human(tmp_path / "clicks.csv", **changes))
    with pytest.raises(InputError, match=message) as error:
        xc.run(study, tmp_path / "run", report=False)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run" / "predictions").exists()


def test_a_second_network_that_cannot_run_is_told_before_any_work(pictures: Path, tmp_path: Path) -> None:
    sick = {**NETWORK, "name": "sick", "factory": "toy_networks:sick"}
    with pytest.raises(InputError, match=r"model 'sick': .*not finite"):
        xc.run(asked(pictures, models=[NETWORK, sick], explainers=["random"]), tmp_path / "run", report=False)
    assert not (tmp_path / "run" / "faces.jsonl").exists()
    assert not list((tmp_path / "run").rglob("chunks/*/*.json"))


def test_no_label_fits_the_network(pictures: Path, tmp_path: Path) -> None:
    other = {**NETWORK, "classes": ["fear", "sadness", "disgust"]}
    with pytest.raises(InputError, match="no image can be explained"):
        xc.run(asked(pictures, models=[other], explainers=["random"]), tmp_path / "run", report=False)


def test_a_region_of_another_size(pictures: Path, tmp_path: Path) -> None:
    table = pd.read_csv(pictures / "labels.csv", dtype=str)
    table.assign(region="region_" + table["image"]).to_csv(pictures / "labels.csv", index=False)
    Image.new("L", (5, 5)).save(pictures / "region_anger0.png")
    with pytest.raises(InputError, match=r"region_anger0.png: the region is \(5, 5\), its picture \(112, 104\)"):
        xc.run(asked(pictures, explainers=["random"]), tmp_path / "run", report=False)


def test_a_folder_per_expression(pictures: Path, tmp_path: Path) -> None:
    for name in CLASSES:
        (tmp_path / "sorted" / name).mkdir(parents=True)
    for path in pictures.glob("[!r]*.png"):
        path.rename(tmp_path / "sorted" / path.stem.rstrip("0123456789") / path.name)
    images = {"folder": tmp_path / "sorted", "choose_by": "label"}
    run = xc.run(asked(pictures, images=images, explainers=["random"]), tmp_path / "run", report=False)
    assert "anger/anger0.png" in maps_of(run, "toy/random")
    assert len(run.images) == 9
