"""What makes the package installable and citable says the same everywhere."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from xai_compare.version import VERSION

ROOT = Path(__file__).parents[1]
FROM_PYPI = {"captum", "face_recognition_models", "pymovements", "torchray"}
"""What the conda recipe installs by pip."""
ON_CONDA = {"dlib-bin": "dlib", "matplotlib": "matplotlib-base", "torch": "pytorch"}


def _requirements() -> dict[str, str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split()
    return {name: bound for name, _, bound in (line.partition(">=") for line in lines)}


def _recipe() -> dict[str, object]:
    return dict(yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text()))


def test_the_version_is_the_same_everywhere() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == VERSION
    assert json.loads((ROOT / "codemeta.json").read_text())["version"] == VERSION
    assert _recipe()["context"]["version"] == VERSION  # type: ignore[index]
    assert re.search(r"^## \[(Unreleased|" + re.escape(VERSION) + r")\]", (ROOT / "CHANGELOG.md").read_text(), re.M)


def test_the_conda_recipe_requires_what_the_package_requires() -> None:
    asked = {line.split(" >=")[0]: line.split(" >=")[1] for line in _recipe()["requirements"]["run"]}  # type: ignore[index]
    assert asked.pop("python") == "3.11"
    needed = {ON_CONDA.get(name, name): bound for name, bound in _requirements().items() if name not in FROM_PYPI}
    assert asked == needed
    script = " ".join(_recipe()["build"]["script"])  # type: ignore[index]
    assert all(name in script for name in FROM_PYPI)


def test_the_paper_keeps_its_length_and_cites_what_its_bibliography_holds() -> None:
    text = (ROOT / "paper" / "paper.md").read_text()
    body = text.split("---", 2)[2]
    assert len(body.split()) < 1750
    for heading in (
        "Summary",
        "Statement of need",
        "State of the field",
        "Design",
        "Research impact",
        "AI usage statement",
    ):
        assert f"# {heading}\n" in body
    keys = set(re.findall(r"@\w+\{(\w+),", (ROOT / "paper" / "paper.bib").read_text()))
    assert set(re.findall(r"@(\w+)", body)) == keys


@pytest.mark.skipif(shutil.which("pandoc") is None, reason="pandoc is not installed")
def test_the_paper_is_rendered_with_every_reference() -> None:
    command = ["pandoc", "paper.md", "--citeproc", "--fail-if-warnings", "-t", "plain"]
    done = subprocess.run(command, cwd=ROOT / "paper", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "???" not in done.stdout


@pytest.mark.parametrize(
    "file", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda file: file.stem
)
def test_issue_forms_ask_for_what_doctor_prints(file: Path) -> None:
    form = yaml.safe_load(file.read_text())
    assert {"name", "description", "body"} <= set(form)
    assert "xai-compare doctor --json" in file.read_text()


def test_the_container_runs_as_an_unprivileged_user() -> None:
    steps = [
        line.split()[0] for line in (ROOT / "Containerfile").read_text().splitlines() if re.match(r"[A-Z]+ ", line)
    ]
    assert steps.index("USER") < steps.index("ENTRYPOINT")
    assert steps.count("FROM") == 2


CONSUMER = """\
from pathlib import Path
import xai_compare as xc
from xai_compare.comparison import dice

run: xc.Run = xc.run(Path("study.yaml"))
rows: int = len(run.scores)
value: str = dice([[1.0]], [[1.0]])
xc.run(3.5)
"""


@pytest.mark.slow
def test_a_consumer_sees_the_types(tmp_path: Path) -> None:
    (tmp_path / "consumer.py").write_text(CONSUMER)
    command = [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--follow-imports=silent", "consumer.py"]
    environment = {"MYPYPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400)
    wrong = [line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line]
    assert wrong == ["7", "8"], done.stdout
