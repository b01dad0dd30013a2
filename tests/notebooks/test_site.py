"""The site: it builds without a warning, and what its pages tell one to type works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import xai_compare as xc
from xai_compare import cli, synthetic

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("start/*.md"), *DOCS.glob("guides/*.md"), DOCS / "gallery.md", DOCS / "you_asked.md"])
NEEDS_A_RUN = ("five_minutes.md", "gallery.md")
"""Pages that open ``runs/default``, which a small study stands in for."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages take for given: a folder of (simulated) faces, clicks on them, and weights of a network."""
    import timm
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("site")
    drawn = synthetic.faces(["anger", "happiness", "surprise"], 2, seed=5, size=(112, 104))
    rows = []
    for number, (image, label) in enumerate(zip(drawn.images, drawn.labels, strict=True)):
        file = folder / "my_faces" / label / f"{number % 2}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
        random = np.random.default_rng(number)
        rows += [(f"p{p}", f"{label}/{file.name}", *random.normal((52, 56), 12)) for p in range(4) for _ in range(5)]
    pd.DataFrame(rows, columns=["participant", "image", "x", "y"]).round(1).to_csv(folder / "clicks.csv", index=False)
    save_file(timm.create_model("resnet18", num_classes=3).state_dict(), folder / "weights.safetensors")
    return folder


def steps(page: Path) -> list[tuple[str, str]]:
    """The blocks of a page that are typed: language and text, in their order."""
    return re.findall(r"^```(bash|python)\n(.*?)^```$", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def typed(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of a shell, in this process."""
    words = shlex.split(line)
    assert words[0] == "xai-compare", line
    monkeypatch.setattr(sys, "argv", words)
    code: object = 0
    try:
        cli.main()
    except SystemExit as end:
        code = end.code
    assert not code, f"{line}: exit code {code}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_says_to_type_works(page: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    if page.name in NEEDS_A_RUN:
        study = xc.Study(name="small", images={"folder": "my_faces"}, models=["compact"], explainers=["cam"])
        xc.run(study, out="runs/default", report=False)
    space: dict[str, object] = {}
    for language, text in steps(page):
        if language == "python":
            exec(text, space)
        else:
            for line in filter(None, text.splitlines()):
                typed(line, monkeypatch)


def test_pages_have_blocks_to_type() -> None:
    assert sum(len(steps(page)) for page in PAGES) >= 15


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_asks_the_network_for_nothing(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    pages = {file: file.read_text("utf-8") for file in (tmp_path / "site").rglob("*.html")}
    assert len(pages) > 30
    for file, text in pages.items():
        loaded = re.findall(
            r'<(?:script|img|iframe)[^>]*\ssrc="([^"]+)"|<link[^>]*rel="stylesheet"[^>]*href="([^"]+)"', text
        )
        assert not [address for pair in loaded for address in pair if address.startswith(("http", "//"))], file
    commands = (tmp_path / "site" / "reference" / "commands.html").read_text("utf-8")
    assert "xai-compare check-model" in commands
    assert "--per-expression" in commands
