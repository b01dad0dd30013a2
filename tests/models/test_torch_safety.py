"""TorchScript and ``torch.export`` files are programs: without leave they are not even read."""

from __future__ import annotations

import io
import json
import pickle
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from xai_compare.errors import InputError
from xai_compare.models import load

CLASSES = ["anger", "happiness"]
SPEC = {"classes": CLASSES, "input": {"size": 8, "channels": "rgb", "range": [0, 1]}}
Members = dict[str, bytes]


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


class Small(nn.Sequential):
    """A network of two classes."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("honest") / "net.pt2"
    batch = {0: torch.export.Dim("n", min=1, max=64)}
    torch.export.save(torch.export.export(Small(), (torch.zeros(2, 3, 8, 8),), dynamic_shapes=(batch,)), path)
    return path


def changed(path: Path, out: Path, change: Callable[[Members], None]) -> Path:
    """The archive with members changed, written by torch's own writer."""
    reader = torch._C.PyTorchFileReader(str(path))
    written_by_the_writer = (".data/version", ".data/serialization_id", "byteorder", "version")
    members = {n: reader.get_record(n) for n in reader.get_all_records() if n not in written_by_the_writer}
    change(members)
    writer = torch._C.PyTorchFileWriter(str(out))
    for name, content in members.items():
        writer.write_record(name, content, len(content))
    writer.write_end_of_file()
    return out


def pickled_weight(members: Members, mark: Path) -> None:
    config = json.loads(members["data/weights/model_weights_config.json"])
    next(iter(config["config"].values()))["use_pickle"] = True
    members["data/weights/model_weights_config.json"] = json.dumps(config).encode()
    buffer = io.BytesIO()
    torch.save(Bomb(mark), buffer)
    members["data/weights/weight_0"] = buffer.getvalue()


def opaque_object(members: Members, mark: Path) -> None:
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    members["data/constants/model_constants_config.json"] = json.dumps({"config": {"c": entry}}).encode()
    members["data/constants/opaque_obj_0"] = pickle.dumps(Bomb(mark))


def example_inputs(members: Members, mark: Path) -> None:
    buffer = io.BytesIO()
    torch.save((Bomb(mark),), buffer)
    members["data/sample_inputs/model.pt"] = buffer.getvalue()


def old_weights(members: Members, mark: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"0.weight": Bomb(mark)}, buffer)
    members["data/weights/model.pt"] = buffer.getvalue()


def symbolic_size(members: Members, mark: Path) -> None:
    graph = json.loads(members["models/model.json"])
    tensors = graph["graph_module"]["graph"]["tensor_values"].values()
    size = next(one for tensor in tensors for one in tensor["sizes"] if "as_expr" in one)
    size["as_expr"]["expr_str"] = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    members["models/model.json"] = json.dumps(graph).encode()


ATTACKS = [pickled_weight, opaque_object, example_inputs, old_weights, symbolic_size]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_export_that_runs_code_is_not_read_without_leave(
    attack: Callable[[Members, Path], None], honest: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    bad = changed(honest, tmp_path / "bad.pt2", lambda members: attack(members, mark))
    with pytest.raises(InputError, match=r"asks to run code .*--allow-code") as error:
        load({"export": str(bad), **SPEC})
    assert "\n" not in str(error.value)
    assert not mark.exists()
    with warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        torch.export.load(bad)
    assert mark.exists(), "torch has become safe here: this attack shows nothing any more"


class Writes(nn.Module):
    """Writes a file when it is run."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.layer = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, and a file."""
        out = self.layer(x.mean((2, 3)))
        # Used in the answer, lest torch leaves the call out.
        written = torch.ops.image.write_file(self.path, torch.zeros(3, dtype=torch.uint8))
        return out + written.numel() * 0


def script(module: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module.eval()), str(path))
    return path


SPELLINGS = ["ops.image.write_file(", "ops .image.write_file(", "ops\\\n.image.write_file(", "(ops.image.write_file)("]


@pytest.mark.parametrize("spelling", SPELLINGS, ids=["plain", "blank", "line break", "parentheses"])
@pytest.mark.parametrize("whole", ["load", "explain"])
def test_a_script_that_writes_files_does_nothing_without_leave(
    spelling: str, whole: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from xai_compare.cli import main

    pytest.importorskip("torchvision.io")
    mark = tmp_path / "mark"

    def respelled(members: Members) -> None:
        for name, content in members.items():
            members[name] = content.replace(b"ops.image.write_file(", spelling.encode())

    bad = changed(script(Writes(str(mark)), tmp_path / "net.ts"), tmp_path / "bad.ts", respelled)
    if whole == "load":
        with pytest.raises(InputError, match=r"asks to run code .*--allow-code"):
            load({"torchscript": str(bad), **SPEC})
    else:
        study = tmp_path / "study.yaml"
        given = {**SPEC, "name": "bad", "torchscript": str(bad)}
        study.write_text(
            json.dumps({"name": "s", "images": {"folder": "."}, "models": [given], "explainers": ["lime"]})
        )
        asked = ["explain", "a.png", "--model", f"{study}:bad", "--explainer", "lime", "--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", ["xai-compare", *asked])
        (tmp_path / "a.png").touch()
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit, match="2"):
            main()
        assert "--allow-code" in capsys.readouterr().err
    assert not mark.exists()


def test_a_script_runs_its_code_with_leave(tmp_path: Path) -> None:
    pytest.importorskip("torchvision.io")
    net = script(Writes(str(tmp_path / "mark")), tmp_path / "net.ts")
    assert load({"torchscript": str(net), **SPEC}, allow_code=True).classes == tuple(CLASSES)
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("source", ["export", "torchscript"])
def test_an_honest_file_loads_with_leave(source: str, honest: Path, tmp_path: Path) -> None:
    path = honest if source == "export" else script(Small(), tmp_path / "net.ts")
    with pytest.raises(InputError, match="--allow-code"):
        load({source: str(path), **SPEC})
    assert load({source: str(path), **SPEC}, allow_code=True).classes == tuple(CLASSES)
