"""Sources of networks: what can be asked without importing anything heavy, and sources of other packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from xai_compare.errors import InputError
from xai_compare.models import load
from xai_compare.models.sources import COMMON, SOURCES, keys_of, located

PLUGIN = """
class Flat:
    KEYS = ("level",)
    PATHS = ("table",)

    @staticmethod
    def build(request):
        import torch
        from xai_compare.models import InputSpec, Model

        class Same(torch.nn.Module):
            def forward(self, x):
                return torch.full((len(x), 2), float(request.spec.get("level", 0)))

        return Model(request.name, request.classes, Same(), InputSpec((8, 8)), source={"kind": "flat"})


class Odd:
    KEYS = ()
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package, as pip installs it, that names sources by entry point."""
    (tmp_path / "flat_source.py").write_text(PLUGIN)
    info = tmp_path / "flat_source-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flat-source\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[xai_compare.networks]\nflat = flat_source:Flat\nodd = flat_source:Odd\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    SOURCES.remove("flat")


def test_another_package_adds_a_source(installed):
    model = load({"flat": True, "level": 2, "classes": ["anger", "fear"]}, batch_size=5)
    assert model.batch_size == 5
    assert model.source["kind"] == "flat"
    assert keys_of("flat") == ("flat", *COMMON, "level")
    with pytest.raises(InputError, match="unknown key 'levle'; did you mean 'level'"):
        load({"flat": True, "levle": 2, "classes": ["anger", "fear"]})
    with pytest.raises(InputError, match="source of networks 'odd' has no PATHS and no build"):
        load({"odd": True})


def test_paths_start_from_the_study_and_words_stay():
    base = Path("/studies")
    spec = {"name": "a", "timm": "resnet18", "weights": "w.safetensors"}
    assert located(spec, base) == {**spec, "weights": "/studies/w.safetensors"}
    assert located({**spec, "weights": "pretrained"}, base)["weights"] == "pretrained"
    assert located({"keras": "m.hdf5"}, base) == {"keras": "/studies/m.hdf5"}
    assert located({"keras": "/m.hdf5"}, base) == {"keras": "/m.hdf5"}
    assert located({"factory": "mine:make", "folder": "code"}, base)["folder"] == "/studies/code"


def test_the_factory_is_looked_for_in_its_folder(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "of_the_folder.py").write_text(
        "import torch\n\n\ndef make():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))\n"
    )
    spec = {"factory": "of_the_folder:make", "folder": "code", "seed": 0, "classes": ["anger", "fear"]}
    assert load(
        {**spec, "input": {"size": 8, "channels": "rgb", "range": [0, 1]}}, base=tmp_path, allow_code=True
    ).classes


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import xai_compare.models as m; m.__all__", "torch captum timm torchvision keras"),
        ("from xai_compare.models.sources import SOURCES; SOURCES.all()", "torch captum timm torchvision keras"),
        ("from xai_compare import explainers; explainers.names()", "captum timm torchvision keras skimage lime"),
        ("from xai_compare.models import load", "captum timm torchvision keras"),
        ("from xai_compare import models; models.load({'bundled': 'compact'})", "xai_compare.synthetic timm keras"),
    ],
    ids=["models", "sources", "explainers", "load", "bundled"],
)
def test_nothing_heavy_is_imported_before_it_is_needed(statement, absent):
    program = f"import sys; {statement}; found = set('{absent}'.split()) & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
