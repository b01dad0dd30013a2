"""Names as people write them, and every key that is wrong, in one line."""

from __future__ import annotations

from typing import Any

import pytest

from xai_compare import explainers
from xai_compare.errors import InputError
from xai_compare.study import Study


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Grad-CAM", "grad_cam"),
        ("gradcam", "grad_cam"),
        ("LIME", "lime"),
        ("Extremal Perturbation", "extremal_perturbation"),
        ("CAM", "cam"),
        ("captum:Saliency", "captum:Saliency"),
        ("no such", "no such"),
    ],
)
def test_explainers_are_known_by_the_names_that_people_write(written: str, meant: str) -> None:
    study = Study(name="a", images={"folder": "x"}, explainers=[written])
    assert study.explainers[0].name == meant
    assert study.explainers[0].label == meant
    if meant in explainers.names():
        assert repr(explainers.create(written)) == repr(explainers.create(meant))


def test_options_go_with_a_name_as_written() -> None:
    study = Study(name="a", images={"folder": "x"}, explainers=[{"L-I-M-E": {"n_samples": 50}}])
    assert (study.explainers[0].name, study.explainers[0].options) == ("lime", {"n_samples": 50})


def test_a_bare_name_is_a_bundled_network() -> None:
    study = Study(name="a", images={"folder": "x"}, models=["photographic"])
    assert study.models[0].loading() == {"name": "photographic", "bundled": "photographic"}


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (
            {"nam": 1, "images": {"foldr": "x"}, "compare": {"bootstap": 3}},
            r"s.yaml: unknown keys 'nam' \(did you mean 'name'\?\), 'images.foldr' \(did you mean 'folder'\?\), "
            r"'compare.bootstap' \(did you mean 'bootstrap'\?\)",
        ),
        (
            {
                "name": "a",
                "images": {"folder": "x"},
                "models": [{"name": "m", "timm": "x", "clases": [], "wieghts": "y"}],
            },
            r"s.yaml: unknown keys 'models.0.clases' \(did you mean 'classes'\?\), 'models.0.wieghts' \(did you mean",
        ),
        (
            {"name": "a", "images": {"folder": "x"}, "qqq": 1, "zzz": 2},
            r"s.yaml: unknown keys 'qqq', 'zzz'; known: name",
        ),
    ],
    ids=["at every depth", "of a network", "nothing near"],
)
def test_every_unknown_key_is_named_with_its_whole_path(keys: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line):
        Study.parse(keys, where="s.yaml")
