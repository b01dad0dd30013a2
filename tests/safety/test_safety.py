"""Nothing a user is handed may run code, leave its folder, or reach the network."""

from __future__ import annotations

import pickle
import re
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import xai_compare as xc
from xai_compare.comparison import read_heatmaps
from xai_compare.errors import InputError
from xai_compare.runs.store import load

SOURCE = Path(xc.__file__).parent
UNSAFE = (
    r"\bpickle\.(load|loads|Unpickler)",
    r"weights_only\s*=\s*False",
    r"allow_pickle\s*=\s*True",
    r"yaml\.(unsafe_load|full_load)\(|yaml\.load\((?!.*, StrictLoader\))",  # validation.StrictLoader is a SafeLoader
    r"\bdill\b|\bjoblib\.load|\bshelve\b|read_pickle",
    r"\beval\(|\bexec\(",
    r"shell\s*=\s*True|os\.system",
)


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("pattern", UNSAFE)
def test_no_unsafe_call_stands_in_the_source(pattern: str) -> None:
    found = [
        f"{path.name}: {line.strip()}"
        for path in SOURCE.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        # A network's eval() is its evaluation mode.
        if re.search(pattern, line.split("#")[0]) and not re.search(r"\.eval\(\)", line)
    ]
    assert not found


def test_an_array_of_objects_is_refused_unread(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    array = np.empty((1, 1), object)
    array[0, 0] = Bomb(mark)
    np.save(tmp_path / "net_anger_heatmap.npy", array, allow_pickle=True)
    with pytest.raises(InputError):
        read_heatmaps(tmp_path, "{model}_{expression}_heatmap.npy")
    assert not mark.exists()


def test_a_store_with_a_pickling_codec_is_refused_unread(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    store = tmp_path / "heatmaps.zarr"
    (store / "heatmap").mkdir(parents=True)
    (store / ".zgroup").write_text('{"zarr_format": 2}')
    (store / "heatmap" / ".zarray").write_text(
        '{"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "fill_value": null, "order": "C",'
        ' "compressor": null, "filters": [{"id": "pickle", "protocol": 5}]}'
    )
    (store / "heatmap" / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["x"]}')
    (store / "heatmap" / "0").write_bytes(pickle.dumps(np.array([Bomb(mark)], object)))
    with pytest.raises(InputError, match="cannot be read"):
        load(store)["heatmap"].load()
    assert not mark.exists()


def test_a_study_cannot_make_python_objects(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("name: !!python/object/apply:pathlib.Path.touch [mark]\n")
    with pytest.raises(InputError, match="not valid YAML"):
        xc.Study.load(path)


def test_a_whole_study_runs_with_the_network_blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendered faces, a bundled network, and every explainer that a study without options names."""

    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"the network was asked for: {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    data = xc.synthetic.faces(("anger", "happiness"), 1, seed=1, size=(160, 160))
    xc.synthetic.write_dataset(tmp_path / "in", data, n_observers=2)
    asked = {
        "name": "closed",
        "images": {"manifest": "labels.csv", "choose_by": "label"},
        "models": [{"name": "compact", "bundled": "compact"}],
        "explainers": ["cam", "grad_cam", {"lime": {"n_samples": 50}}],
        "human": [{"name": "clicks", "file": "clicks.csv", "format": "clicks", "pixels_per_degree": 20}],
        "compare": {"bootstrap": 20},
    }
    (tmp_path / "in" / "study.yaml").write_text(yaml.safe_dump(asked))
    run = xc.run(xc.Study.load(tmp_path / "in" / "study.yaml"), tmp_path / "out")
    assert (run.dir / "report.html").stat().st_size > 10_000
    assert run.skipped.empty
