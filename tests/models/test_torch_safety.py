"""Files of torch that would run foreign code are refused before torch reads them."""

from __future__ import annotations

import io
import json
import pickle
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
SPEC = {"classes": CLASSES, "input": {"size": 8, "range": [0, 1]}}
Members = dict[str, bytes]


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


class Small(nn.Sequential):
    """A network of two classes with a buffer that is a constant."""

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


def graph_with(edit: Callable[[dict[str, Any]], None]) -> Callable[[Members], None]:
    """A change of the graph."""

    def change(members: Members) -> None:
        graph = json.loads(members["models/model.json"])
        edit(graph)
        members["models/model.json"] = json.dumps(graph).encode()

    return change


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
    def edit(graph: dict[str, Any]) -> None:
        tensors = graph["graph_module"]["graph"]["tensor_values"].values()
        size = next(one for tensor in tensors for one in tensor["sizes"] if "as_expr" in one)
        size["as_expr"]["expr_str"] = f"__import__('pathlib').Path({str(mark)!r}).touch()"

    graph_with(edit)(members)


ATTACKS = [pickled_weight, opaque_object, example_inputs, old_weights, symbolic_size]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_export_that_runs_code_is_refused_before_it_runs(
    attack: Callable[[Members, Path], None], honest: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    bad = changed(honest, tmp_path / "bad.pt2", lambda members: attack(members, mark))
    with pytest.raises(InputError, match="could run foreign code") as error:
        load({"export": str(bad), **SPEC})
    assert "\n" not in str(error.value)
    assert not mark.exists()
    with warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        torch.export.load(bad)
    assert mark.exists(), "torch has become safe here: this attack shows nothing any more"


@pytest.mark.parametrize(
    "target",
    [
        "torch.os.system",
        "torch.load",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "_operator.methodcaller",
        "#mine:op",
        "builtins.eval",
    ],
)
def test_a_graph_may_name_operators_only(target: str, honest: Path, tmp_path: Path) -> None:
    def edit(graph: dict[str, Any]) -> None:
        graph["graph_module"]["graph"]["nodes"][0]["target"] = target

    bad = changed(honest, tmp_path / "bad.pt2", graph_with(edit))
    with pytest.raises(InputError, match="not known to be harmless"):
        load({"export": str(bad), **SPEC})


@pytest.mark.parametrize("name", ["x: print('hello') = 1", "x\nimport os", "x-y"])
def test_names_that_would_become_code_are_refused(name: str, honest: Path, tmp_path: Path) -> None:
    def edit(graph: dict[str, Any]) -> None:
        graph["graph_module"]["graph"]["inputs"][0]["as_tensor"]["name"] = name

    bad = changed(honest, tmp_path / "bad.pt2", graph_with(edit))
    with pytest.raises(InputError, match="not known to be harmless"):
        load({"export": str(bad), **SPEC})


def test_trees_of_foreign_types_are_refused(honest: Path, tmp_path: Path) -> None:
    def edit(graph: dict[str, Any]) -> None:
        node = {"type": "builtins.dict", "context": json.dumps([{"__enum__": True, "fqn": "m:x"}]), "children_spec": []}
        graph["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = json.dumps([1, node])

    bad = changed(honest, tmp_path / "bad.pt2", graph_with(edit))
    with pytest.raises(InputError, match="not known to be harmless"):
        load({"export": str(bad), **SPEC})


@pytest.mark.parametrize("member", ["data/aotinductor/model/model.so", "data/constants/custom_obj_0", "models/b.json"])
def test_other_members_are_refused(member: str, honest: Path, tmp_path: Path) -> None:
    bad = changed(honest, tmp_path / "bad.pt2", lambda members: members.update({member: b"x"}))
    with pytest.raises(InputError, match="could run foreign code"):
        load({"export": str(bad), **SPEC})


def test_a_rewritten_honest_file_still_loads(honest: Path, tmp_path: Path) -> None:
    same = changed(honest, tmp_path / "same.pt2", lambda members: None)
    assert load({"export": str(same), **SPEC}).classes == tuple(CLASSES)


class Writes(nn.Module):
    """Writes a file when it is run."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.layer = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, and a file."""
        out = self.layer(x.mean((2, 3)))
        torch.save(out, self.path)
        return out


def test_a_script_that_writes_files_is_refused(tmp_path: Path) -> None:
    mark, bad = tmp_path / "mark", tmp_path / "bad.ts"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Writes(str(mark))), str(bad))
    with pytest.raises(InputError, match="may touch files") as error:
        load({"torchscript": str(bad), **SPEC})
    assert "\n" not in str(error.value)
    assert not mark.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.load(str(bad))(torch.zeros(1, 3, 8, 8))
    assert mark.exists()


def test_a_pickle_in_a_script_makes_no_python_objects(tmp_path: Path) -> None:
    """Torch reads scripts with an unpickler of its own; if that ever changes, this fails."""
    mark, good = tmp_path / "mark", tmp_path / "good.ts"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Small()), str(good))
    bad = changed(good, tmp_path / "bad.ts", lambda members: members.update({"data.pkl": pickle.dumps(Bomb(mark))}))
    with pytest.raises(InputError) as error:
        load({"torchscript": str(bad), **SPEC})
    assert "\n" not in str(error.value)
    assert not mark.exists()
