"""What does a small file cost that promises much? Make each bomb, run the command that reads it, print what it took.

    python benchmarks/bombs.py [--only NAME ...] [--seconds 120] [--gigabytes 12]

Each command runs in a process of its own, with limits on its time and memory. A row says how it ended, the peak of its
memory in MB, its seconds, and the line that it printed. A command ends well if it prints one line and ends by itself.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

GAZE = "participant,image,time,x,y,pupil\n"
ROWS = "".join(f"p1,a.jpg,{40 * k},{100 + k % 60},{90 + k % 2},3\n" for k in range(500))
HUMAN = ("--picture-size", "300,300", "--pixels-per-degree", "30")
BOMBS: dict[str, Callable[[Path], list[str]]] = {}
Maker = Callable[[Path], list[str]]


def bomb(maker: Maker) -> Maker:
    """Register a maker of a bomb: it writes into a folder and returns the command that reads it."""
    BOMBS[maker.__name__] = maker
    return maker


def repeated(text: bytes, times: int) -> bytes:
    """A gzip file of many members, made at once."""
    return gzip.compress(text, 9) * times


def human(file: Path | str, *more: str) -> list[str]:
    """`human` of a file."""
    return ["human", str(file), *HUMAN, *more]


def gz(name: str, header: str, row: bytes, times: int) -> Maker:
    def made(folder: Path) -> list[str]:
        (folder / "t.csv.gz").write_bytes(gzip.compress(header.encode()) + repeated(row, times))
        return human(folder / "t.csv.gz")

    made.__name__ = name
    return made


bomb(gz("csv_gz_of_rows", GAZE, ROWS.encode() * 2000, 120))
bomb(gz("csv_gz_of_zeros", GAZE, bytes(50_000_000), 100))
bomb(gz("csv_gz_of_one_line", GAZE + "p1,a.jpg,1,", b"1" * 50_000_000, 100))
bomb(gz("csv_gz_of_columns", "participant,image,time,x,y," + "c,\n", b"c," * 5_000_000, 100))


@bomb
def tsv_gz_of_bids(folder: Path) -> list[str]:
    """Gaze of a BIDS dataset."""
    stem = "sub-01_task-look_recording-eye1_physio"
    about = {"SamplingFrequency": 1000, "StartTime": 0, "Columns": ["timestamp", "x_coordinate", "y_coordinate"]}
    about |= {"PhysioType": "eyetrack", "RecordedEye": "left", "SampleCoordinateSystem": "gaze-on-screen"}
    (folder / f"{stem}.json").write_text(json.dumps(about))
    (folder / f"{stem}.tsv.gz").write_bytes(repeated(b"1\t2\t3\n" * 2_000_000, 400))
    return human(folder / f"{stem}.tsv.gz", "--format", "bids")


@bomb
def device(folder: Path) -> list[str]:
    """A file that never ends."""
    return human("/dev/zero")


@bomb
def fifo(folder: Path) -> list[str]:
    """A file that nobody writes."""
    os.mkfifo(folder / "t.csv")
    return human(folder / "t.csv")


def png(folder: Path, width: int, height: int) -> Path:
    """A grey picture of zeros, of a few kilobytes a gigapixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, rows = zlib.compressobj(9), []
    for start in range(0, height, 1000):
        rows.append(packer.compress(bytes((width + 1) * min(1000, height - start))))
    data = b"".join(rows) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    file = folder / "net_anger_heatmap.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return file


@bomb
def png_explained(folder: Path) -> list[str]:
    """A picture of 400 million pixels."""
    return ["explain", str(png(folder, 20_000, 20_000)), "--model", "compact", "--explainer", "cam"]


@bomb
def png_explained_below_pillows_limit(folder: Path) -> list[str]:
    """A picture of 81 million pixels, which Pillow itself takes."""
    return ["explain", str(png(folder, 9_000, 9_000)), "--model", "compact", "--explainer", "cam"]


@bomb
def png_compared(folder: Path) -> list[str]:
    """A heatmap of 169 million pixels, which Pillow itself takes."""
    png(folder, 13_000, 13_000)
    return ["compare", str(folder), "--masks", "ekman"]


@bomb
def npy_compared(folder: Path) -> list[str]:
    """An array of 8 GB on a disk that holds none of it."""
    with (folder / "net_anger_heatmap.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**5, 10**4)})
        file.truncate(file.tell() + 8 * 10**9)
    return ["compare", str(folder), "--masks", "ekman", "--pattern", "{model}_{expression}_heatmap.npy"]


@bomb
def xlsx(folder: Path) -> list[str]:
    """A workbook that unpacks to gigabytes."""
    with zipfile.ZipFile(folder / "t.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(20):
            archive.writestr(f"xl/worksheets/sheet{k}.xml", bytes(250_000_000))
    return human(folder / "t.xlsx")


@bomb
def yaml_aliases(folder: Path) -> list[str]:
    """Ten levels of ten aliases."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 10)]
    (folder / "study.yaml").write_text("\n".join([*lines, "name: x"]))
    return ["run", str(folder / "study.yaml")]


@bomb
def yaml_of_keys(folder: Path) -> list[str]:
    """600,000 keys."""
    (folder / "study.yaml").write_text("name: x\n" + "".join(f"k{k}: 1\n" for k in range(600_000)))
    return ["run", str(folder / "study.yaml")]


@bomb
def yaml_of_brackets(folder: Path) -> list[str]:
    """A million levels."""
    (folder / "study.yaml").write_text("name: " + "[" * 1_000_000)
    return ["run", str(folder / "study.yaml")]


def clips(folder: Path, make: Callable[[Path], None]) -> list[str]:
    """`emotion` of a clip whose archive ``make`` writes."""
    (folder / "clips").mkdir()
    (folder / "clips.csv").write_text("clip,person,file,er,fer\na,p1,clips/a.npz,happiness,happiness\n")
    make(folder / "clips" / "a.npz")
    return ["emotion", str(folder), "--epochs", "1"]


@bomb
def npz_of_zeros(folder: Path) -> list[str]:
    """5 MB that unpack to 5 GB."""

    def make(path: Path) -> None:
        archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        with archive, archive.open("face.npy", "w", force_zip64=True) as file:
            about = {"descr": "|u1", "fortran_order": False, "shape": (5000, 1000, 1000)}
            np.lib.format.write_array_header_1_0(file, about)
            for _ in range(5000):
                file.write(bytes(1_000_000))

    return clips(folder, make)


@bomb
def npz_of_promises(folder: Path) -> list[str]:
    """An array that declares 12 GB and holds nothing."""

    def make(path: Path) -> None:
        header = io.BytesIO()
        shape = (12_000, 1000, 1000)
        np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("face.npy", header.getvalue())

    return clips(folder, make)


def network(folder: Path, **spec: object) -> list[str]:
    """`explain` with a network of a study."""
    from PIL import Image

    from xai_compare.synthetic import faces

    Image.fromarray(faces(("anger",), 1, seed=1, size=(200, 200)).images[0]).save(folder / "face.png")
    asked = {"name": "b", "images": {"folder": str(folder)}, "explainers": ["cam"]}
    asked["models"] = [{"name": "net", "classes": ["anger", "happiness", "fear"], **spec}]
    (folder / "study.yaml").write_text(json.dumps(asked))
    return ["explain", str(folder / "face.png"), "--model", f"{folder / 'study.yaml'}:net", "--explainer", "grad_cam"]


SIZED = {"input": {"size": [64, 64], "range": [0, 1]}}


def safetensors(folder: Path, entries: dict[str, object], data: bytes, header: int | None = None) -> list[str]:
    """A network whose weights are a safetensors file with this header."""
    text = json.dumps(entries).encode()
    (folder / "w.safetensors").write_bytes(struct.pack("<Q", header or len(text)) + text + data)
    return network(folder, torchvision="resnet18", weights=str(folder / "w.safetensors"), **SIZED)


@bomb
def safetensors_of_tensors(folder: Path) -> list[str]:
    """300,000 tensors of one byte."""
    entries = {f"t{k}": {"dtype": "U8", "shape": [1], "data_offsets": [k, k + 1]} for k in range(300_000)}
    return safetensors(folder, entries, bytes(300_000))


@bomb
def safetensors_of_promises(folder: Path) -> list[str]:
    """A tensor that declares 4 TB."""
    return safetensors(folder, {"t": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}, b"")


@bomb
def safetensors_of_header(folder: Path) -> list[str]:
    """A header that declares 10^15 bytes."""
    return safetensors(folder, {}, b"", 10**15)


@bomb
def pt_of_zeros(folder: Path) -> list[str]:
    """A torch file whose members are compressed: 20 MB for 20 GB."""
    import torch

    torch.save({"t": torch.zeros(10)}, folder / "small.pt")
    with (
        zipfile.ZipFile(folder / "small.pt") as small,
        zipfile.ZipFile(folder / "w.pt", "w", zipfile.ZIP_DEFLATED) as big,
    ):
        for name in small.namelist():
            with big.open(name, "w", force_zip64=True) as file:
                file.write(small.read(name))
                if name.endswith("data/0"):
                    for _ in range(20_000):
                        file.write(bytes(1_000_000))
    return network(folder, torchvision="resnet18", weights=str(folder / "w.pt"), **SIZED)


@bomb
def pt_of_strides(folder: Path) -> list[str]:
    """Tensors of one number that declare 400 GB by a stride of 0."""
    import torch

    torch.save({"fc.weight": torch.zeros(1).expand(10**6, 10**5)}, folder / "w.pt")
    return network(folder, torchvision="resnet18", weights=str(folder / "w.pt"), **SIZED)


def onnx_file(folder: Path, nodes: list[object], weights: list[object]) -> list[str]:
    """A network that is an ONNX file."""
    from onnx import TensorProto, helper

    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])
    graph = helper.make_graph(nodes, "g", [picture], [answer], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    (folder / "n.onnx").write_bytes(model.SerializeToString())
    return network(folder, onnx=str(folder / "n.onnx"), input={"range": [0, 1]})


@bomb
def onnx_of_constants(folder: Path) -> list[str]:
    """A constant of 40 GB that is declared by its shape."""
    from onnx import TensorProto, helper

    shape = helper.make_tensor("s", TensorProto.INT64, [2], [10**5, 10**5])
    nodes = [
        helper.make_node("ConstantOfShape", ["s"], ["c"]),
        helper.make_node("ReduceSum", ["c"], ["r"], keepdims=0),
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("Add", ["m", "r"], ["y"]),
    ]
    return onnx_file(folder, nodes, [shape])


@bomb
def onnx_of_expansion(folder: Path) -> list[str]:
    """One picture that is repeated 10^6 times."""
    from onnx import TensorProto, helper

    times = helper.make_tensor("s", TensorProto.INT64, [4], [1, 1, 1000, 1000])
    nodes = [helper.make_node("Tile", ["x", "s"], ["t"]), helper.make_node("ReduceMean", ["t"], ["y"], axes=[2, 3])]
    return onnx_file(folder, nodes, [times])


@bomb
def onnx_of_nodes(folder: Path) -> list[str]:
    """100,000 layers."""
    from onnx import helper

    nodes = [helper.make_node("Relu", [f"r{k}" if k else "x"], [f"r{k + 1}"]) for k in range(100_000)]
    return onnx_file(folder, [*nodes, helper.make_node("ReduceMean", ["r100000"], ["y"], axes=[2, 3])], [])


def keras_config(layers: list[dict[str, object]]) -> dict[str, object]:
    """A sequential network."""
    return {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}


def dense(name: str, units: int) -> dict[str, object]:
    """A dense layer."""
    return {"class_name": "Dense", "config": {"name": name, "units": units}}


INPUT = {"class_name": "InputLayer", "config": {"batch_shape": [None, 64, 64, 3], "name": "x"}}
FLAT = {"class_name": "Flatten", "config": {"name": "f"}}


def h5(folder: Path, config: dict[str, object], fill: Callable[..., object] = lambda file: None) -> list[str]:
    """A network that is an HDF5 file."""
    import h5py

    with h5py.File(folder / "n.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"], file.attrs["backend"] = "2.15.0", "tensorflow"
        fill(file)
    return network(folder, keras=str(folder / "n.h5"), input={"range": [0, 1]})


@bomb
def h5_of_layers(folder: Path) -> list[str]:
    """100,000 layers without weights."""
    layers = [{"class_name": "ReLU", "config": {"name": f"r{k}"}} for k in range(100_000)]
    config = json.dumps(keras_config([INPUT, *layers]))
    import h5py

    with h5py.File(folder / "n.h5", "w", libver="latest") as file:
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = []
        file.attrs.create("model_config", config)
    return network(folder, keras=str(folder / "n.h5"), input={"range": [0, 1]})


@bomb
def h5_of_units(folder: Path) -> list[str]:
    """A layer that declares 10^9 units, so that its weights would take 49 TB."""
    return h5(folder, keras_config([INPUT, FLAT, dense("d", 10**9)]))


@bomb
def h5_of_dataset(folder: Path) -> list[str]:
    """Weights that declare 40 GB and hold nothing."""

    def fill(file: object) -> None:
        weights = file.create_group("model_weights")  # type: ignore[attr-defined]
        weights.attrs["layer_names"] = [b"f", b"d"]
        weights.create_group("f").attrs["weight_names"] = []
        layer = weights.create_group("d")
        layer.attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
        layer.create_dataset("d/kernel:0", (10**5, 10**5), "f4", chunks=(1000, 1000), compression="gzip")
        layer.create_dataset("d/bias:0", (2,), "f4")

    return h5(folder, keras_config([INPUT, FLAT, dense("d", 2)]), fill)


@bomb
def keras_archive(folder: Path) -> list[str]:
    """A .keras file whose config.json unpacks to 5 GB."""
    with zipfile.ZipFile(folder / "n.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("config.json", "w", force_zip64=True) as file:
            for _ in range(5000):
                file.write(bytes(1_000_000))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")
    return network(folder, keras=str(folder / "n.keras"), input={"range": [0, 1]})


@bomb
def hf_config(folder: Path) -> list[str]:
    """A Hugging Face folder that declares 100,000 layers of 10^5 units."""
    place = folder / "hf"
    place.mkdir()
    config = {"model_type": "vit", "architectures": ["ViTForImageClassification"], "num_hidden_layers": 100_000}
    config |= {"hidden_size": 98_304, "num_attention_heads": 12, "id2label": {"0": "anger", "1": "happiness"}}
    (place / "config.json").write_text(json.dumps(config))
    (place / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "ViTImageProcessor"}))
    text = json.dumps({"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (place / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    return network(folder, hf=str(place))


@bomb
def dataset_gz(folder: Path) -> list[str]:
    """FER2013's table, compressed and endless."""
    (folder / "fer2013.csv").write_bytes(b"emotion,pixels,Usage\n")
    with (folder / "fer2013.csv").open("ab") as file:
        file.truncate(6 * 10**9)
    return ["dataset", "fer2013", str(folder / "fer2013.csv")]


@bomb
def zarr_of_promises(folder: Path) -> list[str]:
    """A run whose heatmaps declare 10^9 pictures."""
    run = folder / "run"
    (run / "heatmaps.zarr" / "heatmap").mkdir(parents=True)
    (run / "study.yaml").write_text("name: x\n")
    (run / "heatmaps.zarr" / "zarr.json").write_text('{"attributes": {}, "zarr_format": 3, "node_type": "group"}')
    import zarr

    shape, names = (10**9, 1, 1, 275, 224), ("source", "fold", "expression", "y", "x")
    array = {"shape": shape, "chunks": (1, *shape[1:]), "dtype": "f4", "dimension_names": names}
    zarr.create_array(run / "heatmaps.zarr" / "heatmap", overwrite=True, **array)
    return ["report", str(run)]


class Outcome(NamedTuple):
    """How a command ended, its peak memory in MB, its seconds, and its last line."""

    end: str
    megabytes: int
    seconds: float
    line: str


def measured(arguments: list[str], folder: Path, seconds: float, gigabytes: float) -> Outcome:
    """Run a command within limits."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 1e9),) * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(8e9),) * 2)

    # `run`, `report` and `verify` have folders of their own.
    out = [] if arguments[0] in ("run", "report", "verify") else ["--out", str(folder / "out")]
    command = [sys.executable, "-m", "xai_compare.cli", *arguments, *out]
    began = time.perf_counter()
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, cwd=folder, preexec_fn=limit
        )
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        _, status, used = os.wait4(process.pid, 0)
        timer.cancel()
        took = time.perf_counter() - began
        said.seek(0)
        lines = [line for line in said.read().splitlines() if line.strip()]
    code = os.waitstatus_to_exitcode(status)
    traced = any("Traceback" in line for line in lines)
    end = "too slow" if took >= seconds else "killed" if code < 0 else "traceback" if traced else f"exit {code}"
    line = (lines or [""])[-1].replace(str(folder), "…")
    return Outcome(end, used.ru_maxrss // 1024, took, line)


def main() -> None:
    """Make and read every bomb; exit code 1 if one of them did not end by itself, in a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=sorted(BOMBS))
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--gigabytes", type=float, default=12)
    asked = parser.parse_args()
    bad = 0
    print(f"{'bomb':36}{'bytes':>12}  {'ends':10}{'MB':>7}{'s':>7}  line")
    for name in asked.only or BOMBS:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            command = BOMBS[name](folder)
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            outcome = measured(command, folder, asked.seconds, asked.gigabytes)
        bad += outcome.end not in ("exit 0", "exit 2", "exit 1")
        words = f"{outcome.end:10}{outcome.megabytes:7}{outcome.seconds:7.1f}  {outcome.line}"
        print(f"{name:36}{size:12,}  {words}", flush=True)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
