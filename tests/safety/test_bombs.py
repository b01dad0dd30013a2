"""Small files that promise much: the size is known, or the time is up, before memory is taken."""

from __future__ import annotations

import gzip
import json
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xai_compare import files
from xai_compare.comparison.heatmap_files import read_grey
from xai_compare.emotion.clips import read_clip
from xai_compare.errors import InputError
from xai_compare.human.file_readers import read_blocks
from xai_compare.models import load
from xai_compare.models.checkpoint import read_state_dict
from xai_compare.study import Study
from xai_compare.time_limit import LIMIT_S, time_limit

TOO_MUCH = "holds more than 1,000,000 bytes"


@pytest.fixture(autouse=True)
def _a_megabyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(files.LIMIT_GB, "0.001")


def test_a_packed_recording_is_read_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "x,y\n" + "1.5,2\n" * 300_000
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(rows.encode()))
    wanted = {"x": "number", "y": "number"}
    with pytest.raises(InputError, match=TOO_MUCH):
        list(read_blocks(tmp_path / "t.csv.gz", wanted))
    monkeypatch.setenv(files.LIMIT_GB, "0.002")
    assert sum(len(block) for block in read_blocks(tmp_path / "t.csv.gz", wanted)) == 300_000


def test_a_parquet_of_equal_values(tmp_path: Path) -> None:
    pd.DataFrame({"eye": np.zeros(1_000_000)}).to_parquet(tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    with pytest.raises(InputError, match="unpacks to more than 1,000,000 bytes"):
        read_clip(tmp_path / "a.parquet", "a", "p")


def test_heatmaps(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (1000, 1000)).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", np.zeros((1000, 1000)))
    for name in ("a.png", "a.npy"):
        with pytest.raises(InputError, match=TOO_MUCH):
            read_grey(tmp_path / name)


def test_a_torch_file_whose_tensors_are_packed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data/0", bytes(2_000_000))
    with pytest.raises(InputError, match=TOO_MUCH):
        read_state_dict(tmp_path / "w.pt")


@pytest.mark.parametrize("keys", [150_000, 250_000])
def test_a_study_of_endless_keys(keys: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xai_compare.validation.MAX_VALUES", 1000)
    (tmp_path / "s.yaml").write_text("".join(f"k{k}: 1\n" for k in range(keys)))
    began = time.perf_counter()
    with pytest.raises(InputError, match="more than 1,000 keys and values"):
        Study.load(tmp_path / "s.yaml")
    assert time.perf_counter() - began < 5


def test_onnx_operators_and_constants(tmp_path: Path) -> None:
    pytest.importorskip("onnx2torch")
    from onnx import TensorProto, helper

    def refused(nodes: list[object], weights: list[object], why: str) -> None:
        ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 3, 8, 8]), ("y", [1, 3]))]
        graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        (tmp_path / "n.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(InputError, match=why):
            load({"onnx": str(tmp_path / "n.onnx"), "classes": ["anger", "fear", "disgust"]})

    chain = [helper.make_node("Relu", [f"r{k}" if k else "x"], [f"r{k + 1}"]) for k in range(20_001)]
    mean = helper.make_node("ReduceMean", ["r20001"], ["y"], axes=[2, 3], keepdims=0)
    refused([*chain, mean], [], "declares 20,002 operators, more than 20,000")
    times = helper.make_tensor("s", TensorProto.INT64, [4], [1, 1, 1000, 1000])
    mean = helper.make_node("ReduceMean", ["t"], ["y"], axes=[2, 3], keepdims=0)
    refused([helper.make_node("Tile", ["x", "s"], ["t"]), mean], [times], TOO_MUCH)


@pytest.mark.parametrize(
    ("layers", "units", "why"),
    [(100_000, 12, "declares 100,000 layers, and its files hold 1 tensors"), (1, 1200, r"declares [\d,]+ numbers")],
)
def test_a_hugging_face_folder_that_declares_more_than_it_holds(
    layers: int, units: int, why: str, tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    config = {"model_type": "vit", "architectures": ["ViTForImageClassification"], "num_hidden_layers": layers}
    config |= {"hidden_size": units, "num_attention_heads": 12, "id2label": {"0": "anger", "1": "fear"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    header = json.dumps({"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(InputError, match=why):
        load({"hf": str(tmp_path)})


def test_what_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_S, "0.1")

    def endless() -> None:
        with time_limit("reading the network", "net"):
            while True:
                try:
                    time.sleep(0.01)
                except Exception:  # A library that takes every error for its own.
                    continue

    with pytest.raises(InputError, match=r"net: reading the network took more than 0\.1 s; .*XAI_COMPARE_MAX_S=1"):
        endless()
    monkeypatch.setenv(LIMIT_S, "soon")
    with pytest.raises(InputError, match="number of seconds"):
        endless()
