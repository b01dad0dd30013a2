"""The simulated study of EMERT, made as small as it can be, from the clips to the maps of its heads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "emert_simulated"


def call(script: str, *arguments: str) -> None:
    path = os.pathsep.join(filter(None, [str(FOLDER.parents[1]), os.environ.get("PYTHONPATH", "")]))
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, str(FOLDER / script), *arguments], check=True, timeout=600, env=env)


@pytest.mark.slow
def test_the_simulated_study_runs_from_clips_to_the_maps_of_heads(tmp_path: Path) -> None:
    small = ["--people", "10", "--clips", "14", "--epochs", "1", "--reader-faces", "100", "--workers", "1"]
    call("run.py", "--out", str(tmp_path), *small, "--only", "er_7 all", "--only", "er_7 face")
    made = pd.read_parquet(tmp_path / "predictions" / "er_7 all.parquet")
    assert len(made) == 140
    assert made["simulated"].all()
    call("heads.py", "--out", str(tmp_path), "--clips", "2")
    table = pd.read_csv(tmp_path / "tables" / "region_auc.csv")
    assert set(table["region"]) == {"eyes", "mouth"}
    assert table["simulated"].all()
