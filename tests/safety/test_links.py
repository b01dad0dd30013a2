"""A link in a folder of results is refused by every command, and one that comes while it works is not followed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import xai_compare as xc
from xai_compare import files
from xai_compare.errors import InputError
from xai_compare.inventory import listed
from xai_compare.runs.directory import refuse_strangers
from xai_compare.runs.store import Journal, MapStore, Source


def _run(out: Path) -> None:
    refuse_strangers(
        out, xc.Study.parse({"name": "x", "images": {"folder": "."}, "models": [], "explainers": []}), True
    )


def _train(out: Path) -> None:
    from xai_compare.models.training.cross_validation import train

    train(SimpleNamespace(name="x", fingerprint=str), out)  # type: ignore[arg-type]


def _emotion(out: Path) -> None:
    from xai_compare.report.emotion import write

    write(None, out)  # type: ignore[arg-type]


def _explain(out: Path) -> None:
    picture = out.parent / "face.png"
    from PIL import Image

    Image.fromarray(xc.synthetic.faces(("anger",), 1, seed=1, size=(160, 160)).images[0]).save(picture)
    from xai_compare.api.explaining import write_explanations

    write_explanations([picture], "compact", ["cam"], out)


def _compare(out: Path) -> None:
    from PIL import Image

    from xai_compare.api.comparing import write_comparison

    maps = out.parent / "maps"
    maps.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (275, 224), np.uint8)
    Image.fromarray(noise).save(maps / "net_anger_heatmap.png")
    write_comparison(maps, "ekman", out, overwrite=True)


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("command", [_run, _train, _emotion, _explain, _compare], ids=lambda command: command.__name__)
def test_a_link_is_refused(command: Callable[[Path], None], kind: str, tmp_path: Path) -> None:
    if command is _train:
        pytest.importorskip("lightning")
    out, victim = tmp_path / "out", tmp_path / "victim"
    with listed(out):
        files.write_atomically(out / "tables" / "a.csv", "x")
    victim.mkdir() if kind == "folder" else victim.write_text("mine")
    (out / "tables" / "link").symlink_to(victim)
    with pytest.raises(InputError, match="link: is a link, and what is written there would land elsewhere"):
        command(out)
    assert victim.read_text() == "mine" if kind == "file" else not list(victim.iterdir())


@pytest.mark.parametrize(
    "place", ["maps.zarr", "maps.zarr/{slug}", "maps.zarr/{slug}/map", "maps.zarr/{slug}/map/c/0", "chunks/{slug}"]
)
def test_a_link_that_comes_among_the_maps_is_not_followed(place: str, tmp_path: Path) -> None:
    store = MapStore(tmp_path / "run", Source("model", "net", "cam"), [{"image": "a"}])
    store.prepare()
    victim, link = tmp_path / "victim", tmp_path / "run" / place.format(slug=store.source.slug)
    link.rename(victim) if link.exists() else victim.mkdir()
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(victim)
    before = sorted(victim.rglob("*"))
    with pytest.raises(InputError, match="is a link"):
        store.write(0, np.zeros((1, 275, 224), np.float32), {})
    assert sorted(victim.rglob("*")) == before


def test_a_link_that_comes_in_a_listed_folder_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    with listed(tmp_path / "out"):
        (tmp_path / "out" / "tables").symlink_to(victim)
        with pytest.raises(InputError, match="out/tables: is a link"):
            files.write_atomically(tmp_path / "out" / "tables" / "a.csv", "x")
        (tmp_path / "mine").write_text("mine")
        (tmp_path / "out" / "faces.jsonl").symlink_to(tmp_path / "mine")
        Journal(tmp_path / "out" / "faces.jsonl").add({"a": {}})
    assert (tmp_path / "mine").read_text() == "mine"
    assert not list(victim.iterdir())
    assert not (tmp_path / "out" / "faces.jsonl").is_symlink()
