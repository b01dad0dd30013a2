"""Ctrl-C: one line about what is kept, exit code 130, at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from cli_studies import study

from xai_compare import cli


def test_help_and_stopping(call, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call("--help")
    assert code == 0
    for command in ("run", "compare", "explain", "report", "doctor"):
        assert command in out

    stopping = typer.Typer()

    @stopping.command()
    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", stopping)
    code, _, err = call()
    assert code == 130
    assert "continues" in err


def test_a_stopped_process_ends_whatever_its_threads_compute() -> None:
    program = """
import threading, torch, typer
from xai_compare import cli
app = typer.Typer()
def work():
    while True:
        torch.rand(600, 600) @ torch.rand(600, 600)
@app.command()
def stopped():
    threading.Thread(target=work, daemon=True).start()
    raise KeyboardInterrupt
cli.app = app
cli.script()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == cli.STOPPED
    assert done.stderr == "stopped; what is done is kept, and the same command continues\n"


def test_a_stopped_run_says_what_is_kept(place: Path, tmp_path: Path, call, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    def stopping(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xai_compare.analysis.heatmaps.mean_face", stopping)
    monkeypatch.setattr("xai_compare.analysis.heatmaps.mean_face", stopping)
    code, _, err = call("run", study(place, tmp_path / "s.yaml"), "--out", tmp_path / "run")
    assert code == 130
    assert err == "stopped; 2 of 2 maps are kept, and the same command continues\n"
