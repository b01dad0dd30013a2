"""What the documents say is what the code does."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from xai_compare.study import Study

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def make_tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_tables", ROOT / "docs" / "make_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_the_documents_are_fresh(make_tables: ModuleType) -> None:
    made = make_tables.tables()
    placed = set()
    for name in make_tables.DOCUMENTS:
        text = (ROOT / "docs" / name).read_text("utf-8")
        placed |= set(re.findall(r"<!-- table: (\w+) -->", text))
        assert make_tables.renewed(text, made) == text, f"run: python docs/make_tables.py ({name} is stale)"
    assert placed == set(made)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_files_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http", "#")):
            place = document.parent / target.partition("#")[0]
            assert place.exists() or place == ROOT / "docs" / "reference" / "commands.md", target  # Made by the site.


@pytest.mark.parametrize(
    "command",
    [
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/xai-compare run",
        ".venv/bin/pip install '.[test]' && .venv/bin/pytest",
    ],
    ids=["run", "test"],
)
def test_the_readme_holds_the_two_commands(command: str) -> None:
    assert command in (ROOT / "README.md").read_text("utf-8").splitlines()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) < 700


def test_the_study_of_the_readme_is_valid() -> None:
    study = Study.parse(yaml.safe_load(blocks(ROOT / "README.md", "yaml")[0]))
    assert [one.name for one in study.explainers] == ["grad_cam", "lime"]


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/study.yaml")), ids=lambda path: path.parent.name)
def test_the_example_studies_are_valid(path: Path) -> None:
    assert Study.load(path).name


@pytest.mark.slow
def test_each_step_runs_alone() -> None:
    steps = next(block for block in blocks(ROOT / "docs" / "guides" / "python.md", "python") if "astronaut" in block)
    *body, last = steps.strip().splitlines()
    space: dict[str, object] = {}
    exec("\n".join([*body, f"result = ({last})"]), space)
    assert all(-1 <= value <= 1 for value in space["result"])  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_guide_to_a_new_explainer_works_literally(tmp_path: Path) -> None:
    guide = ROOT / "docs" / "explainers.md"
    package = tmp_path / "my-occlusion"
    package.mkdir()
    (package / "occlusion.py").write_text(next(b for b in blocks(guide, "python") if "class Occlusion" in b), "utf-8")
    (package / "pyproject.toml").write_text(blocks(guide, "toml")[0], "utf-8")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(tmp_path / "site"), str(package)], check=True, timeout=300)
    program = """
import numpy as np, torch
import xai_compare as xc
assert "occlusion" in xc.explainers.names()
class Bright(torch.nn.Module):
    def forward(self, batch):
        left, right = batch[..., :4].mean((1, 2, 3)), batch[..., 4:].mean((1, 2, 3))
        return torch.stack([left, right], 1)
model = xc.models.Model("toy", ("anger", "fear"), Bright(), xc.models.InputSpec((8, 8)))
picture = np.zeros((1, 8, 8, 3), np.uint8)
picture[:, :, :4] = 255
occlusion = xc.explainers.create("occlusion", cells=2)
maps = occlusion(model, picture, "anger")
assert maps.shape == (1, 8, 8) and occlusion.forwards(model) == 5
assert (maps[0, :, :4] > 0).all() and (maps[0, :, 4:] == 0).all()
"""
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300, env={**os.environ, "PYTHONPATH": path})
