"""Small files that promise much: tables, pictures, YAML and archives, each with the command that reads it."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

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
