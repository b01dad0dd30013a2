"""What a notebook finds under ``import xai_compare as xc``: names, short messages, and things added by a decorator."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import xai_compare as xc

ROOMS = [name for name in dir(xc) if isinstance(getattr(xc, name), ModuleType)]


@pytest.mark.parametrize("room", [*ROOMS, "api", "models.zoo", "models.training"])
def test_a_room_offers_what_it_lists_and_nothing_else(room: str) -> None:
    module = xc
    for part in room.split("."):
        module = __import__("importlib").import_module(f"{module.__name__}.{part}")
    if not str(module.__file__).endswith("__init__.py"):
        return
    listed = dir(module)
    assert listed == sorted(set(module.__all__))
    assert not {"np", "pd", "annotations", "Hashable", "Any"} & set(listed)
    for name in listed:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("name", ["zoo", "training"])
def test_rooms_of_networks_are_reachable(name: str) -> None:
    assert isinstance(getattr(xc.models, name), ModuleType)
    assert callable(xc.explainers.faithfulness.curves)


def test_run_names_every_setting() -> None:
    parameters = inspect.signature(xc.run).parameters
    assert set(xc.Settings.__dataclass_fields__) <= set(parameters)
    assert all(f"        {name}: " in str(xc.run.__doc__) for name in parameters)
    with pytest.raises(TypeError, match=r"run\(\) got an unexpected keyword argument 'foo'"):
        xc.run(foo=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"nam": "a"}, "study: unknown key 'nam'; did you mean 'name'?"),
        ({"name": "a", "images": {"foldr": "x"}}, "study: unknown key 'images.foldr'; did you mean 'folder'?"),
        ({"name": "a"}, "study: key 'images' is missing; add it"),
    ],
    ids=["misspelt", "misspelt inside", "missing"],
)
def test_a_wrong_key_of_a_study_gets_one_line(keys: dict[str, object], message: str) -> None:
    with pytest.raises(xc.InputError) as raised:
        xc.Study(**keys)
    assert str(raised.value) == message


def cell() -> None:
    """A cell of a notebook, which may be run twice."""

    @xc.explainers.register("face_brightness")
    def face_brightness(model, batch, *, power: float = 1.0):  # type: ignore[no-untyped-def]
        """Bright places."""
        return batch.images.mean(3) ** power

    @xc.comparison.register("mean_difference", direction="lower")
    def mean_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray((np.asarray(a) - b).mean((-2, -1)))

    @xc.human.register("notebook_clicks", yields="clicks")
    def notebook_clicks(path: Path) -> pd.DataFrame:
        return pd.DataFrame({"participant": ["p"], "image": ["a.png"], "x": [1.0], "y": [2.0]})


def test_a_notebook_adds_an_explainer_a_metric_and_a_reader(tmp_path: Path) -> None:
    registries = {
        "face_brightness": xc.explainers.REGISTRY,
        "mean_difference": xc.comparison.METRICS,
        "notebook_clicks": xc.human.FORMATS,
    }
    try:
        cell()
        cell()
        for name, registry in registries.items():
            assert name in registry
            assert name in repr(registry)
            assert name in registry._repr_html_()
        assert "face_brightness" in xc.explainers.names()
        (tmp_path / "clicks.txt").write_text("x")
        clicks = xc.human.read_clicks(tmp_path / "clicks.txt", format="notebook_clicks")
        assert len(clicks) == 1
        with pytest.raises(xc.InputError, match=r"unknown option 'powr'; did you mean 'power'\?"):
            xc.explainers.create("face_brightness", powr=2)
        bright = xc.explainers.create("face_brightness", power=2)
        assert repr(bright) == "face_brightness(power=2.0)"
        assert "power" in bright._repr_html_()
        faces = xc.synthetic.faces(["anger"], 1, seed=3, size=(160, 150)).images
        (file,) = [tmp_path / "face.png"]
        Image.fromarray(faces[0]).save(file)
        from_file = xc.explain(file, "compact", ["face_brightness:power=2", "random"])
        from_array = xc.explain(faces, "compact", bright)
        assert from_file.dims == ("source", "picture", "y", "x")
        assert from_file.shape == (2, 1, 275, 224)
        assert from_file.source.values.tolist() == ["compact/face_brightness:power=2", "compact/random"]
        np.testing.assert_array_equal(from_file[0], from_array[0])
    finally:
        for name, registry in registries.items():
            registry.remove(name)


def test_explain_says_why_nothing_could_be_explained(tmp_path: Path) -> None:
    with pytest.raises(xc.InputError, match="there is no picture"):
        xc.explain(tmp_path, "compact", "random")
    with pytest.raises(xc.InputError, match="no picture could be explained"):
        xc.explain(np.zeros((64, 64, 3), np.uint8), "compact", "random")
    with pytest.raises(xc.InputError, match="did you mean 'compact'"):
        xc.explain(np.zeros((64, 64, 3), np.uint8), "compct", "random")


def test_compare_of_arrays_equals_compare_of_files(tmp_path: Path) -> None:
    maps, masks = {}, {}
    for number, expression in enumerate(("anger", "fear")):
        values = np.zeros((40, 30), np.uint8)
        values[10 + 5 * number : 25, 5:20] = 200
        for model, shift in (("one", 0), ("two", 3)):
            maps[model, expression] = np.roll(values, shift, 1)
            Image.fromarray(maps[model, expression]).save(tmp_path / f"{model}_{expression}_heatmap.png")
        masks[expression] = values > 0
    pd.testing.assert_frame_equal(xc.compare(maps, masks), xc.compare(tmp_path, masks))


def test_the_order_of_names_does_not_depend_on_what_was_imported_first() -> None:
    code = "{}from xai_compare.comparison.registry import METRICS; print(METRICS.names())"
    firsts = ["", "import xai_compare.comparison.metrics.points; "]
    orders = [subprocess.check_output([sys.executable, "-c", code.format(first)], text=True) for first in firsts]
    assert orders[0] == orders[1]
