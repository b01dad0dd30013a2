"""Inputs that once hung, ran out of memory or ended in a traceback: each is one clear line, or does no harm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

import xai_compare as xc
from xai_compare.comparison.heatmap_files import read_grey
from xai_compare.errors import InputError
from xai_compare.models.checkpoint import read_state_dict

NETWORK = {"name": "n", "timm": "resnet18", "weights": "random", "seed": 2, "classes": ["anger", "fear"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    xc.synthetic.write_dataset(folder, xc.synthetic.faces(("anger", "happiness"), 1, seed=2, size=(128, 128)))
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "bad.csv.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"junk" * 16)
    return folder


def asked(place: Path, **changes: Any) -> xc.Study:
    study = {
        "name": "broken",
        "images": {"manifest": "labels.csv", "choose_by": "label"},
        "models": [{"name": "compact", "bundled": "compact"}],
        "explainers": ["random"],
        "compare": {"bootstrap": 0},
    }
    return xc.Study.parse({**study, **changes}, base=place)


def clicks(file: str) -> list[dict[str, Any]]:
    return [{"name": "clicks", "file": file, "format": "clicks", "pixels_per_degree": 20}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": [{**NETWORK, "seed": 2**70}]}, "`seed` must be a whole number from 0 to"),
        ({"models": [{**NETWORK, "input": {"size": [4096, 4096]}}]}, "more than 1,048,576 pixels"),
        ({"explainers": [{"random": {"seed": 2**70}}]}, "option 'seed'"),
        ({"human": clicks("**x")}, "is not a pattern"),
        ({"human": clicks("bad.csv.gz")}, "cannot be read"),
        ({"images": {"manifest": "loop"}}, "no such manifest"),
        ({"images": {"folder": "loop"}}, "no such folder"),
        ({"images": {"manifest": "labels.csv", "root": "loop"}}, "cannot be followed"),
        ({"masks": "loop"}, "no such folder"),
    ],
)
def test_one_line(place: Path, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        xc.run(asked(place, **changes), tmp_path / "run", report=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("margin", [1e-6, 1.3])
def test_a_tiny_margin_and_a_black_picture(place: Path, tmp_path: Path, margin: float) -> None:
    rows = pd.read_csv(place / "labels.csv")
    Image.new("RGB", (128, 128)).save(place / "black.png")
    more = pd.concat([rows, pd.DataFrame({"image": ["black.png"], "expression": ["anger"]})])
    more.drop(columns=[name for name in ("region",) if name in more]).to_csv(place / "more.csv", index=False)
    images = {"manifest": "more.csv", "choose_by": "label", "margin": margin}
    run = xc.run(asked(place, images=images), tmp_path / "run", report=False)
    assert "black.png" in run.skipped["image"].tolist()


def test_a_name_that_is_not_utf_8(place: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/faces\xff"))
    (odd / "anger").mkdir(parents=True)
    with pytest.raises(InputError, match=r"is not UTF-8.*rename"):
        asked(place, images={"folder": str(odd)})
    with pytest.raises(InputError, match=r"the name 'faces.* is not UTF-8"):
        xc.run(asked(place, images={"folder": str(tmp_path)}), tmp_path / "run")


def test_merge_keys_that_double(tmp_path: Path) -> None:
    lines = ["a0: &a0 {x: 1}", *(f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 4)}]" for i in range(1, 40))]
    (tmp_path / "study.yaml").write_text("\n".join(lines))
    # Up to PyYAML 6.0.3 the keys double at every level, later ones are merged once: then a0 is only a key of no study.
    with pytest.raises(InputError, match=r"merge keys expand without end|unknown keys? 'a0'"):
        xc.Study.load(tmp_path / "study.yaml")


def test_merge_keys_that_add_up(tmp_path: Path) -> None:
    wide = ", ".join(f"k{i}: {i}" for i in range(1000))
    lines = [f"a: &a {{{wide}}}", *(f"b{i}: {{<<: *a}}" for i in range(101))]
    (tmp_path / "study.yaml").write_text("\n".join(lines))
    with pytest.raises(InputError, match="merge keys expand without end"):
        xc.Study.load(tmp_path / "study.yaml")


def test_merge_keys_in_reason_are_read(place: Path) -> None:
    (place / "merged.yaml").write_text(
        yaml.safe_dump({"name": "m", "images": {"manifest": "labels.csv"}, "explainers": []})
        + "models:\n- &one {name: a, bundled: compact}\n- {<<: *one, name: b}\n"
    )
    assert [model.name for model in xc.Study.load(place / "merged.yaml").models] == ["a", "b"]


@pytest.mark.parametrize("tensor", [torch.empty(3, device="meta"), torch.eye(3).to_sparse()], ids=["meta", "sparse"])
def test_tensors_without_plain_values(tmp_path: Path, tensor: torch.Tensor) -> None:
    torch.save({"fc.weight": tensor}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"the tensor fc.weight .*save plain, dense tensors"):
        read_state_dict(tmp_path / "w.pt")


def test_arrays_that_are_none(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + b"\n"
    (tmp_path / "big.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + header)
    np.savez(tmp_path / "z.npz", a=np.zeros(3))
    (tmp_path / "z.npz").rename(tmp_path / "z.npy")
    for name in ("big.npy", "z.npy"):
        with pytest.raises(InputError, match="cannot be read"):
            read_grey(tmp_path / name)


def test_names_that_look_like_markup(capsys: pytest.CaptureFixture[str]) -> None:
    from xai_compare.cli.app import show

    show(pd.DataFrame({"a[/]": ["a[/b]", "[red]x[/red]"], "value": [0.5, float("nan")]}), "a[/b]")
    said = capsys.readouterr().out
    assert "a[/b]" in said
    assert "[red]x[/red]" in said
    assert "nan" not in said
