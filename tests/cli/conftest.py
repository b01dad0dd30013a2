"""A folder with two simulated faces and a network, and the command line called in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_studies import FACTORY
from PIL import Image

from xai_compare import cli, synthetic
from xai_compare.runs.job import Settings


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two simulated faces, a manifest, and a module with a network."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "cli_networks.py").write_text(FACTORY)
    drawn = synthetic.faces(["anger", "happiness"], 1, seed=3, size=(112, 104))
    for name, image in zip(("a.png", "h.png"), drawn.images, strict=True):
        Image.fromarray(image).save(folder / name)
    (folder / "labels.csv").write_text("image,expression,dataset\na.png,anger,simulated\nh.png,happiness,simulated\n")
    return folder


@pytest.fixture
def call(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):  # type: ignore[no-untyped-def]
    """Call `xai-compare` in this process: exit code, standard output, standard error."""
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    # Other tests of this process may have allowed code for as long as it lives.
    monkeypatch.setattr("xai_compare.runs.job.Settings", Settings)

    def calling(*arguments: object, allow_code: bool = True) -> tuple[int, str, str]:
        allowed = ["--allow-code"] if allow_code and arguments and arguments[0] in ("run", "explain") else []
        monkeypatch.setattr(sys, "argv", ["xai-compare", *map(str, arguments), *allowed])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = 0 if end.code is None else int(end.code)
        out, err = capsys.readouterr()
        return code, out, err

    return calling
