"""Readers of datasets on stand-in folders that carry the real names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xai_compare.errors import InputError
from xai_compare.images import read_manifest
from xai_compare.images.datasets import DATASETS, find, read_dataset

PIXELS = " ".join(["7"] * 2304)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), 90, np.uint8)).save(path)


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")


def ck_plus(folder: Path) -> None:
    for frame in (1, 2, 3):
        picture(folder / f"cohn-kanade-images/S005/001/S005_001_{frame:08d}.png")
        picture(folder / f"cohn-kanade-images/S010/002/S010_002_{frame:08d}.png")
        picture(folder / f"cohn-kanade-images/S011/001/S011_001_{frame:08d}.png")
    text(folder / "Emotion/S005/001/S005_001_00000003_emotion.txt", "   3.0000000e+00\n")
    text(folder / "Emotion/S010/002/S010_002_00000003_emotion.txt", "   7.0000000e+00\n")
    (folder / "Emotion/S011/001").mkdir(parents=True)


def jaffe(folder: Path) -> None:
    for name in ("KA.AN1.39.tiff", "KA.NE2.27.tiff", "YM.SU3.60.tiff"):
        picture(folder / "jaffe" / name)
    text(folder / "jaffe" / "README.txt", "")


def kdef(folder: Path) -> None:
    for name in ("AF01/AF01ANS.JPG", "AF01/AF01ANFL.JPG", "BF01/BF01HAS.JPG", "AM35/AM35AFS.JPG"):
        picture(folder / "KDEF" / name)


def wsefep(folder: Path) -> None:
    for name in ("MK_anger_0321.jpg", "MK_enjoyment_0007.jpg", "AG_neutral_12.jpg"):
        picture(folder / name)


def fega(folder: Path) -> None:
    for name in ("012/happy.jpg", "012/sad.jpg", "s13_surprise.png"):
        picture(folder / name)


def bu_4dfe(folder: Path) -> None:
    for sequence in ("F001/Angry", "F001/Happy", "M043/Sad"):
        for frame in range(9):
            picture(folder / sequence / f"{frame:03d}.jpg")


def affectnet_table(folder: Path) -> None:
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
    text(folder / "training.csv", header + "1/aa.jpg,0,0,4,4,1;2,1,0.1,0.1\n2/bb.jpg,0,0,4,4,1;2,10,-2,-2\n")
    text(folder / "validation.csv", header + "1/cc.png,0,0,4,4,1;2,7,0.1,0.1\n3/gone.jpg,0,0,4,4,1;2,4,0,0\n")
    for name in ("1/aa.jpg", "2/bb.jpg", "1/cc.png"):
        picture(folder / "Manually_Annotated_Images" / name)


def affectnet_arrays(folder: Path) -> None:
    for split, number, label in (("train_set", 0, "6"), ("train_set", 12, "0"), ("val_set", 3, "5")):
        picture(folder / split / "images" / f"{number}.jpg")
        (folder / split / "annotations").mkdir(parents=True, exist_ok=True)
        np.save(folder / split / "annotations" / f"{number}_exp.npy", np.array(label))
        np.save(folder / split / "annotations" / f"{number}_val.npy", np.array("0.1"))


def raf_db(folder: Path) -> None:
    lines = "train_00001.jpg 5\ntest_0001.jpg 7\ntest_0002.jpg 4\n"
    text(folder / "basic/EmoLabel/list_patition_label.txt", lines)
    for name in ("train_00001", "test_0001"):
        picture(folder / f"basic/Image/aligned/{name}_aligned.jpg")


def fer2013_table(folder: Path) -> None:
    rows = [f"0,{PIXELS},Training", f"3,{PIXELS},PublicTest", f"6,{PIXELS},PrivateTest"]
    text(folder / "fer2013.csv", "\n".join(["emotion,pixels,Usage", *rows, ""]))


def fer2013_folders(folder: Path) -> None:
    picture(folder / "train/angry/Training_3908.jpg")
    picture(folder / "test/happy/PrivateTest_1.jpg")


VOTES = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
    "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0\n"
    "PublicTest,fer0000001.png,0,6,0,1,1,0,2,0,0,0\n"
    "PrivateTest,fer0000002.png,5,0,0,5,0,0,0,0,0,0\n"
    "PrivateTest,,0,0,0,0,0,0,0,0,0,10\n"
)


def fer_plus_folders(folder: Path) -> None:
    text(folder / "fer2013new.csv", VOTES)
    for place, name in (("FER2013Train", "fer0000000.png"), ("FER2013Valid", "fer0000001.png")):
        picture(folder / place / name)


def fer_plus_table(folder: Path) -> None:
    text(folder / "fer2013new.csv", VOTES)
    rows = [f"0,{PIXELS},{usage}" for usage in ("Training", "PublicTest", "PrivateTest", "PrivateTest")]
    text(folder / "fer2013.csv", "\n".join(["emotion,pixels,Usage", *rows, ""]))


# dataset, stand-in, its rows as (end of image, expression, subject, split), how many are left out
CASES = [
    pytest.param(
        "ck+",
        ck_plus,
        {
            ("S005_001_00000003.png", "disgust", "S005", ""),
            ("S005_001_00000001.png", "neutral", "S005", ""),
            ("S010_002_00000003.png", "surprise", "S010", ""),
            ("S010_002_00000001.png", "neutral", "S010", ""),
        },
        0,
        id="ck_plus",
    ),
    pytest.param(
        "JAFFE",
        jaffe,
        {
            ("KA.AN1.39.tiff", "anger", "KA", ""),
            ("KA.NE2.27.tiff", "neutral", "KA", ""),
            ("YM.SU3.60.tiff", "surprise", "YM", ""),
        },
        0,
        id="jaffe",
    ),
    pytest.param(
        "kdef",
        kdef,
        {
            ("AF01ANS.JPG", "anger", "F01", ""),
            ("BF01HAS.JPG", "happiness", "F01", ""),
            ("AM35AFS.JPG", "fear", "M35", ""),
        },
        1,
        id="kdef",
    ),
    pytest.param(
        "wsefep",
        wsefep,
        {
            ("MK_anger_0321.jpg", "anger", "MK", ""),
            ("MK_enjoyment_0007.jpg", "happiness", "MK", ""),
            ("AG_neutral_12.jpg", "neutral", "AG", ""),
        },
        0,
        id="wsefep",
    ),
    pytest.param(
        "fega",
        fega,
        {
            ("012/happy.jpg", "happiness", "012", ""),
            ("012/sad.jpg", "sadness", "012", ""),
            ("s13_surprise.png", "surprise", "s13", ""),
        },
        0,
        id="fega",
    ),
    pytest.param(
        "bu-4dfe",
        bu_4dfe,
        {
            ("F001/Angry/004.jpg", "anger", "F001", ""),
            ("F001/Happy/004.jpg", "happiness", "F001", ""),
            ("M043/Sad/004.jpg", "sadness", "M043", ""),
        },
        0,
        id="bu_4dfe",
    ),
    pytest.param(
        "affectnet",
        affectnet_table,
        {
            ("1/aa.jpg", "happiness", "", "train"),
            ("1/cc.png", "contempt", "", "validation"),
        },
        2,
        id="affectnet-tables",
    ),
    pytest.param(
        "affectnet",
        affectnet_arrays,
        {
            ("train_set/images/0.jpg", "anger", "", "train"),
            ("train_set/images/12.jpg", "neutral", "", "train"),
            ("val_set/images/3.jpg", "disgust", "", "validation"),
        },
        0,
        id="affectnet-npy",
    ),
    pytest.param(
        "raf-db",
        raf_db,
        {
            ("train_00001_aligned.jpg", "sadness", "", "train"),
            ("test_0001_aligned.jpg", "neutral", "", "test"),
        },
        1,
        id="raf_db",
    ),
    pytest.param(
        "fer2013",
        fer2013_table,
        {
            ("train/fer0000000.png", "anger", "", "train"),
            ("validation/fer0000001.png", "happiness", "", "validation"),
            ("test/fer0000002.png", "neutral", "", "test"),
        },
        0,
        id="fer2013-table",
    ),
    pytest.param(
        "fer2013",
        fer2013_folders,
        {
            ("train/angry/Training_3908.jpg", "anger", "", "train"),
            ("PrivateTest_1.jpg", "happiness", "", "test"),
        },
        0,
        id="fer2013-folders",
    ),
    pytest.param(
        "fer+",
        fer_plus_folders,
        {
            ("FER2013Train/fer0000000.png", "neutral", "", "train"),
            ("FER2013Valid/fer0000001.png", "happiness", "", "validation"),
        },
        2,
        id="fer_plus-folders",
    ),
    pytest.param(
        "ferplus",
        fer_plus_table,
        {
            ("train/fer0000000.png", "neutral", "", "train"),
            ("validation/fer0000001.png", "happiness", "", "validation"),
        },
        2,
        id="fer_plus-table",
    ),
]


@pytest.mark.parametrize(("name", "stand_in", "rows", "left_out"), CASES)
def test_each_dataset_becomes_the_manifest_that_it_should(
    name: str, stand_in: Callable[[Path], None], rows: set[tuple[str, ...]], left_out: int, tmp_path: Path
) -> None:
    stand_in(tmp_path / "data")
    index = read_dataset(name, tmp_path / "data", tmp_path / "pictures")
    found = {(r["image"], r["expression"], r["subject"], r["split"]) for r in index.rows}
    assert len(index.rows) == len(rows)
    for end, *rest in rows:
        assert any(image.endswith(end) and others == rest for image, *others in found), (end, rest, found)
    assert len(index.skipped) == left_out
    manifest = read_manifest(index.write(tmp_path / "manifest.csv"), index.root)
    assert len(manifest.rows) == len(rows)
    assert not manifest.skipped
    assert set(manifest.rows["dataset"]) == {find(name).title}


@pytest.mark.parametrize("name", DATASETS.names())
def test_the_wrong_folder_is_refused_in_one_line_that_names_the_layout(name: str, tmp_path: Path) -> None:
    picture(tmp_path / "holiday" / "beach.jpg")
    with pytest.raises(InputError, match="does not look like") as error:
        read_dataset(name, tmp_path)
    assert find(name).layout in str(error.value)
    assert "\n" not in str(error.value)


def test_pixels_of_the_table_are_those_of_the_picture(tmp_path: Path) -> None:
    values = np.arange(2304) % 256
    text(tmp_path / "fer2013.csv", f"emotion,pixels,Usage\n0,{' '.join(map(str, values))},Training\n")
    index = read_dataset("fer2013", tmp_path, tmp_path / "out")
    with Image.open(index.root / index.rows[0]["image"]) as image:
        np.testing.assert_array_equal(np.array(image).ravel(), values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("emotion,pixels,Usage\n0,1 2 3,Training\n", "not 2304 numbers"),
        ("feeling,pixels,Usage\n0,1 2 3,Training\n", "column 'emotion' is missing"),
    ],
    ids=["too few pixels", "another table"],
)
def test_a_broken_table_is_named(content: str, message: str, tmp_path: Path) -> None:
    text(tmp_path / "fer2013.csv", content)
    with pytest.raises(InputError, match=message):
        read_dataset("fer2013", tmp_path, tmp_path / "out")


def test_an_unknown_dataset_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'jaffe'"):
        find("jafe")
