"""Which picture a name means, and which points lie on it."""

import warnings

import pandas as pd
import pytest

from xai_compare.errors import InputError
from xai_compare.human import match_images, points_on_images


@pytest.mark.parametrize(
    ("name", "images", "image"),
    [
        ("a.jpg", ["a.jpg", "s1/a.jpg"], "a.jpg"),
        ("a", ["a.jpg", "b.jpg"], "a.jpg"),
        ("s1/a.jpg", ["a.jpg"], "a.jpg"),
        ("a", ["s1/a.png"], "s1/a.png"),
        ("C:\\study\\s2\\A.JPG", ["s1/a.jpg", "s2/a.jpg"], "s2/a.jpg"),
        ("./a.jpg", ["a.jpg"], "a.jpg"),
        ("p1.anger", ["p1.anger.png", "p1.fear.png"], "p1.anger.png"),
        ("a.png", ["a.jpg"], None),
        ("a", ["a.jpg", "a.png"], None),
        ("a.jpg", ["s1/a.jpg", "s2/a.jpg"], None),
        ("s3/a.jpg", ["s1/a.jpg"], None),
        ("", ["a.jpg"], None),
    ],
)
def test_match(name, images, image):
    found, reasons = match_images([name], images)
    assert found.get(name) == image
    assert (name in reasons) == (image is None)


def test_names_of_different_pictures_do_not_share_one():
    found, reasons = match_images(["s1/a.jpg", "s2/a.jpg", "b"], ["a.jpg", "b.jpg"])
    assert found == {"b": "b.jpg"}
    assert "could be a.jpg" in reasons["s1/a.jpg"]


def test_names_of_one_picture_do():
    assert match_images(["a", "a.jpg", "s1/a.jpg"], ["s1/a.jpg"])[0] == dict.fromkeys(
        ["a", "a.jpg", "s1/a.jpg"], "s1/a.jpg"
    )


def points(*rows):
    return pd.DataFrame(rows, columns=["image", "x", "y"]).assign(participant="p")


def test_points_outside_are_dropped_and_counted():
    frame = points(("a", -0.5, -0.5), ("a", 19.49, 9.49), ("a", 19.5, 5), ("a", 5, 9.5), ("a", -0.51, 5), ("z", 1, 1))
    frame.attrs["dropped"] = {"no coordinates": 7}
    with pytest.warns(UserWarning, match=r"1 images that people saw are left out: 1 not among the pictures \(z\)"):
        kept = points_on_images(frame, {"a.jpg": (10, 20)})
    assert list(kept.image) == ["a.jpg"] * 2
    assert kept.attrs["dropped"] == {"no coordinates": 7, "of other pictures": 1, "outside the picture": 3}
    assert kept.attrs["unmatched"] == {"z": "no picture of that name"}
    assert frame.attrs["dropped"] == {"no coordinates": 7}


def test_one_warning_for_all():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        points_on_images(points(("a", 1, 1), *((f"other{i}", 1, 1) for i in range(40))), {"a.jpg": (10, 20)})
    assert len(told) == 1
    assert "and 35 more" in str(told[0].message)


def test_nothing_left_is_refused():
    with pytest.raises(InputError, match=r"among the pictures \(a\); the pictures are b"):
        points_on_images(points(("a", 1, 1)), {"b": (10, 20)})
    with pytest.raises(InputError, match="all 1 points lie outside"):
        points_on_images(points(("a", 100, 1)), {"a": (10, 20)})
