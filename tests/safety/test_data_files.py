"""One guarded reader for each kind of file: one line for whatever is wrong, and nothing in silence."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.io import savemat

from xai_compare import registry
from xai_compare.api.explaining import parse_explainer
from xai_compare.data_files import read_delimited, read_facts, read_json, read_matlab, read_npy, read_npz, read_parquet
from xai_compare.emotion import Recipe, Sizes, read_clips
from xai_compare.errors import InputError
from xai_compare.human import read_clicks
from xai_compare.human.experiment_maps import MapSettings
from xai_compare.images.datasets import read_dataset
from xai_compare.validation import parse_yaml


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", ["a,b\n1,x\n\n2,y\n", "a;b\r\n1;x\r\n2;y", "sep=\t\na\tb\n1\tx\n2\ty\n"])
def test_tables_however_they_were_saved(tmp_path: Path, text: str, encoding: str) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(text.encode(encoding))
    table = read_delimited(file)
    assert table.to_dict("list") == {"a": ["1", "2"], "b": ["x", "y"]}
    assert text.splitlines()[table.index[1] - 1].startswith("2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty"),
        (b"a,a\n1,2\n", "'a' more than once"),
        (b"a,b\n1\n", "row 2 has 1 cells"),
        (b"a,b\n1,\xff\n", "not UTF-8"),
        (b"a,\0b\n1,2\n", "not text"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: bytes, message: str) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(text)
    with pytest.raises(InputError, match=message):
        read_delimited(file)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"a": 1, "a": 2}', "9" * 5000, "\ud800"])
def test_json_that_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "t.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match=r"t\.json: (is not readable JSON|cannot be read)"):
        read_json(file)


@pytest.mark.parametrize("content", [[], {}, {"classes": "anger"}, None])
def test_facts_have_their_keys_and_types(tmp_path: Path, content: object) -> None:
    file = tmp_path / "card.json"
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="the card is"):
        read_facts(file, "the card", {"classes": list})


@pytest.mark.parametrize("text", ["2001-99-99", "!!timestamp x", "!!int ''", "!!bool x", "9" * 5000, "a: 1\na: 2"])
def test_yaml_that_its_library_stumbles_over(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml(text)


def test_an_option_that_is_no_date() -> None:
    with pytest.raises(InputError, match="option n_samples = '2001-99-99' cannot be read"):
        parse_explainer("lime:n_samples=2001-99-99")


def test_arrays_and_tables_are_cut_or_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(tmp_path / "a.mat", {"a": np.zeros(100_000)}, do_compression=True)
    pd.DataFrame({"a": np.zeros(100_000)}).to_parquet(tmp_path / "a.parquet")
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(100_000))
    np.save(tmp_path / "a.npy", np.array([None]), allow_pickle=True)
    readers = {"a.mat": read_matlab, "a.parquet": read_parquet, "a.npz": read_npz}
    assert all(np.size(reader(tmp_path / name)["a"]) == 100_000 for name, reader in readers.items())  # type: ignore[operator]
    with monkeypatch.context() as patch:
        patch.setenv("XAI_COMPARE_MAX_GB", "0.0001")
        for name, reader in readers.items():
            with pytest.raises(InputError, match="more than 100,000 bytes"):
                reader(tmp_path / name)  # type: ignore[operator]
    for name, reader in {**readers, "a.npy": read_npy}.items():
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[: 120 if name != "a.npy" else None])
        with pytest.raises(InputError):
            reader(tmp_path / name)  # type: ignore[operator]


def test_a_plug_in_that_exits_when_imported_names_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit('bye')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("gone", "leaves:thing", "my.things")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    things: registry.Registry[object] = registry.Registry("thing", "my.things")
    things.register("own", 3)
    with pytest.raises(InputError, match=r"leaves:thing: thing 'gone' cannot be loaded \(SystemExit: bye\)"):
        things.get("gone")
    assert things.all() == {"own": 3}
    assert "gone" in things.broken


@pytest.mark.parametrize(
    "make",
    [
        lambda: MapSettings(sigma_px=float("nan")),
        lambda: MapSettings(sigma_px=-1.0),
        lambda: MapSettings(between_ms=(5.0, 1.0)),
        lambda: Recipe(rate=-5),
        lambda: Recipe(rate=float("nan")),
        lambda: Recipe(weight_decay=float("inf")),
        lambda: Sizes(frames=0),
        lambda: Sizes(side=10**9),
    ],
)
def test_settings_without_sense(make: object) -> None:
    with pytest.raises(InputError):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("rt", "-5", "rt '-5.0' is negative"),
        ("rt", "inf", "not a finite number"),
        ("response", "99", "is a number, which answers no label"),
        ("width", "0", "is no size"),
    ],
)
def test_cells_without_sense(tmp_path: Path, column: str, value: str, message: str) -> None:
    row = {"participant": "p", "image": "a", "x": "1", "y": "2", "rt": "5", "response": "anger", "label": "anger"}
    pd.DataFrame([row | {"width": "5"} | {column: value}]).to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_clicks(tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"response": 99}, "response 99 is none of the 2 choices"),
        ({"rt": []}, "rt is"),
        ({"participant": {"a": 1}}, "participant is"),
        ({"trial_index": [1]}, "trial_index is"),
    ],
)
def test_values_of_json_are_checked_before_use(tmp_path: Path, change: dict[str, object], message: str) -> None:
    trial = {"trial_type": "x", "trial_index": 0, "participant": "p", "image": "a.jpg", "choices": ["anger", "fear"]}
    trial |= {"response": 0, "clicks": [{"x": 1, "y": 2, "t": 3}]}
    (tmp_path / "j.json").write_text(json.dumps([trial | change]))
    with pytest.raises(InputError, match=message):
        read_clicks(tmp_path / "j.json", "jspsych")


@pytest.mark.parametrize("label", ["\u00b2", "9" * 5000, "inf", "nan", "-1", "1e400", ""])
def test_labels_of_datasets_that_are_no_numbers(tmp_path: Path, label: str) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    rows = f"subDirectory_filePath,expression\na.jpg,{label}\nb.jpg,1\n/etc/hostname,1\n"
    (tmp_path / "training.csv").write_text(rows)
    index = read_dataset("affectnet", tmp_path)
    assert [row["expression"] for row in index.rows] == ["happiness"]
    assert len(index.skipped) == 2


@pytest.mark.parametrize("table", [b"", b"\xff", b"clip,person,file\na,b,../x.npz\n", b"clip,clip\na,b\n"])
def test_tables_of_clips_that_are_none(tmp_path: Path, table: bytes) -> None:
    (tmp_path / "clips.csv").write_bytes(table)
    with pytest.raises(InputError):
        read_clips(tmp_path)
