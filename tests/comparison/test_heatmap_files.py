"""Ready-made heatmaps: names, formats, and everything that can be wrong with a folder of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xai_compare.comparison import read_heatmaps, unmatched
from xai_compare.errors import InputError

GREY = np.random.default_rng(0).integers(0, 256, (11, 7), dtype=np.uint8)


def save(folder: Path, *names: str, values: np.ndarray = GREY) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(folder / name)


def test_names_give_model_expression_and_fold(tmp_path: Path) -> None:
    save(tmp_path, "my_net_Anger_heatmap.png", "B_no_expression_heatmap.png", "B_HAPPY_heatmap.png", "notes.png")
    maps = read_heatmaps(tmp_path)
    assert list(maps) == [("B", "happiness", "all"), ("B", "neutral", "all"), ("my_net", "anger", "all")]
    np.testing.assert_array_equal(maps["my_net", "anger", "all"], GREY)
    assert unmatched(tmp_path) == [tmp_path / "notes.png"]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{model}_{fold}_{expression}.png", "a_net_{}_fear.png"),
        ("{model}_{expression}_fold{fold}.png", "a_net_fearful_fold{}.png"),
        ("{fold}/{model}/{expression}.png", "{}/a_net/Fear.png"),
    ],
)
def test_folds_are_read_and_sorted_as_numbers(tmp_path: Path, pattern: str, name: str) -> None:
    save(tmp_path, *[name.format(fold) for fold in (10, 9, 1)])
    assert list(read_heatmaps(tmp_path, pattern)) == [("a_net", "fear", fold) for fold in ("1", "9", "10")]


@pytest.mark.parametrize(
    ("suffix", "values", "dtype"),
    [
        ("png", GREY, np.uint8),
        ("png", np.stack([GREY] * 3, -1), np.uint8),
        ("png", np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)]), np.uint8),
        ("png", GREY > 99, np.uint8),
        ("png", GREY.astype(np.uint16) * 257, np.float32),
        ("tif", GREY.astype(np.float32) / 3, np.float32),
    ],
    ids=["grey", "rgb", "rgba", "bits", "16bit", "float"],
)
def test_formats(tmp_path: Path, suffix: str, values: np.ndarray, dtype: type) -> None:
    save(tmp_path, f"net_fear_heatmap.{suffix}", values=values)
    read = read_heatmaps(tmp_path, "{model}_{expression}_heatmap." + suffix)["net", "fear", "all"]
    plain = values[..., 0] if values.ndim == 3 else values * (255 if values.dtype == bool else 1)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, plain)


def test_palette_and_array_files(tmp_path: Path) -> None:
    Image.fromarray(GREY).convert("P").save(tmp_path / "net_fear_heatmap.png")
    np.testing.assert_array_equal(read_heatmaps(tmp_path)["net", "fear", "all"], GREY)
    np.save(tmp_path / "net_fear.npy", GREY / 7)
    np.testing.assert_allclose(read_heatmaps(tmp_path, "{model}_{expression}.npy")["net", "fear", "all"], GREY / 7)


def test_no_match_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_heatmaps(tmp_path / "absent")
    with pytest.raises(InputError, match=r"no file is named \{model\}"):
        read_heatmaps(tmp_path)
    save(tmp_path, "net-fear.png")
    with pytest.raises(InputError, match=r"one of 1 pictures here: net-fear.png\); give another pattern"):
        read_heatmaps(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{model}_{expresion}.png", "did you mean 'expression'"),
        ("{model}.png", r"must hold \{expression\} once"),
        ("{model}_{model}_{expression}.png", r"must hold \{model\} once"),
    ],
)
def test_faulty_patterns(tmp_path: Path, pattern: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_heatmaps(tmp_path, pattern)


def test_names_that_do_not_do(tmp_path: Path) -> None:
    save(tmp_path, "net_angr_heatmap.png")
    with pytest.raises(InputError, match=r"net_angr_heatmap.png: unknown expression 'angr'; did you mean 'anger'"):
        read_heatmaps(tmp_path)
    (tmp_path / "net_angr_heatmap.png").unlink()
    save(tmp_path, "net_anger_heatmap.png", "net_angry_heatmap.png")
    with pytest.raises(InputError, match=r"the same map as net_anger_heatmap.png: net, anger, all; keep one"):
        read_heatmaps(tmp_path)


def test_no_fold_may_be_called_all(tmp_path: Path) -> None:
    save(tmp_path, "net_fear_all.png")
    with pytest.raises(InputError, match="a fold cannot be called 'all'"):
        read_heatmaps(tmp_path, "{model}_{expression}_{fold}.png")


def test_differing_sizes_name_both_files(tmp_path: Path) -> None:
    save(tmp_path, "a_fear_heatmap.png")
    save(tmp_path, "b_fear_heatmap.png", values=GREY.T.copy())
    with pytest.raises(InputError, match=r"b_fear.*7 x 11 pixels here, 11 x 7 in a_fear_heatmap.png"):
        read_heatmaps(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read: not a picture"),
        (b"not a picture", "cannot be read: not a picture"),
        ("truncated", "cannot be read"),
        (np.random.default_rng(1).integers(0, 255, (11, 7, 3), dtype=np.uint8), "in colour"),
        (np.dstack([GREY] * 4), "transparent"),
    ],
    ids=["empty", "text", "truncated", "colour", "alpha"],
)
def test_unreadable_files(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "net_fear_heatmap.png"
    if isinstance(content, np.ndarray):
        save(tmp_path, path.name, values=content)
    elif content == "truncated":
        save(tmp_path, path.name, values=np.random.default_rng(2).integers(0, 255, (90, 80), dtype=np.uint8))
        path.write_bytes(path.read_bytes()[:3000])
    else:
        path.write_bytes(content)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=rf"net_fear_heatmap.png: .*{message}"):
        read_heatmaps(tmp_path)


def test_arrays_are_checked_and_never_unpickled(tmp_path: Path) -> None:
    for values, message in (
        (np.array([[1, None]], dtype=object), "cannot be read: .*Python objects"),
        (np.full((2, 3), np.nan), "not finite"),
        (np.zeros((2, 3, 5)), "in colour|numbers, got"),
        (np.zeros(4), "numbers, got"),
    ):
        np.save(tmp_path / "net_fear.npy", values, allow_pickle=True)
        with pytest.raises(InputError, match=message):
            read_heatmaps(tmp_path, "{model}_{expression}.npy")
