"""One process or several: the same bits."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import yaml

import xai_compare as xc
from xai_compare.errors import InputError
from xai_compare.runs.executors import TRIES
from xai_compare.runs.executors.cluster import Cluster
from xai_compare.runs.executors.local import Local
from xai_compare.runs.job import Settings
from xai_compare.runs.stage import Stage, Task


@pytest.fixture
def asked(tmp_path: Path) -> xc.Study:
    data = xc.synthetic.faces(("anger", "fear", "happiness"), 6, seed=4, size=(160, 160))
    xc.synthetic.write_dataset(tmp_path / "in", data, n_observers=1)
    study = {
        "name": "executors",
        "images": {"manifest": "labels.csv", "choose_by": "predicted"},
        "models": [{"name": "compact", "bundled": "compact"}],
        "explainers": ["grad_cam", {"lime": {"n_samples": 60}}],
        "compare": {"bootstrap": 0},
    }
    (tmp_path / "in" / "study.yaml").write_text(yaml.safe_dump(study))
    return xc.Study.load(tmp_path / "in" / "study.yaml")


def values(run: xc.Run) -> list[bytes]:
    return [run.maps["map"].to_numpy().tobytes(), run.heatmaps["heatmap"].to_numpy().tobytes(),
            run.scores.to_csv().encode(), run.predictions.to_csv().encode()]  # fmt: skip


@pytest.mark.slow
def test_workers_give_the_same_bits_as_one_process(asked: xc.Study, tmp_path: Path) -> None:
    alone = xc.run(asked, tmp_path / "alone", report=False)
    together = xc.run(asked, tmp_path / "together", report=False, workers=2)
    assert values(alone) == values(together)
    assert np.isfinite(alone.maps["map"].to_numpy()).all()


def test_several_tasks_at_once_give_the_same_bits(
    asked: xc.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xai_compare.runs.store.maps.CHUNK", 3)
    before = torch.get_num_threads()
    alone = xc.run(asked, tmp_path / "alone", report=False, threads=1)
    together = xc.run(asked, tmp_path / "together", report=False, threads=3)
    assert values(alone) == values(together)
    assert torch.get_num_threads() == before


def test_what_breaks_in_a_thread_is_raised_where_outcomes_are_drawn(tmp_path: Path) -> None:
    class Broken(Stage):
        @staticmethod
        def make(worker: Any, task: Task) -> int:
            if task.data == 2:
                raise KeyboardInterrupt
            return int(task.data)

    class Alone:
        def clone(self) -> Alone:
            return self

    engine = Local(Alone(), threads=2)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        list(engine.map(Broken, [Task(str(number), "", number) for number in range(9)], tmp_path, ordered=False))


class Failing(Stage):
    """A stage whose third task always fails, and whose second fails once."""

    name = "failing"
    tried: ClassVar[list[int]] = []

    @staticmethod
    def make(worker: Any, task: Task) -> int:
        Failing.tried.append(task.data)
        if task.data == 2 or (task.data == 1 and Failing.tried.count(1) == 1):
            raise RuntimeError("the device\nwent away")
        return 10 * int(task.data)


def test_a_task_that_fails_thrice_is_set_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    Failing.tried.clear()
    engine = Local(None)  # type: ignore[arg-type]
    tasks = [Task(str(number), "", number) for number in range(4)]
    outcomes = list(engine.map(Failing, tasks, tmp_path, ordered=False))
    assert [one.failure for one in outcomes] == ["", "", "RuntimeError: the device went away", ""]
    assert [one.value and one.value[0] for one in outcomes] == [0, 10, None, 30]
    assert Failing.tried.count(2) == TRIES


def test_what_the_user_must_mend_is_not_tried_again(tmp_path: Path) -> None:
    class Broken(Stage):
        tries: ClassVar[list[int]] = []

        @staticmethod
        def make(worker: Any, task: Task) -> int:
            Broken.tries.append(1)
            raise InputError("no such file")

    with pytest.raises(InputError, match="no such file"):
        list(Local(None).map(Broken, [Task("a", "")], tmp_path, ordered=False))  # type: ignore[arg-type]
    assert len(Broken.tries) == 1


@pytest.fixture
def cluster(asked: xc.Study) -> Iterator[Cluster]:
    from xai_compare.runs.face_cache import FaceCache, read_pictures

    engine = Cluster(asked, FaceCache(asked.images, read_pictures(asked), None), Settings(workers=1))
    yield engine
    engine.close()


def test_the_local_cluster_lets_nobody_else_in(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever speaks with a scheduler can run code: neither plain words nor another's certificates will do."""
    from distributed import Client
    from distributed.security import Security

    caplog.set_level(logging.CRITICAL)  # What Dask says of those whom it turns away.
    address = cluster._cluster.scheduler_address
    assert address.startswith("tls://127.0.0.1:")
    assert cluster._client.submit(sum, [1, 2]).result(30) == 3
    with pytest.raises(OSError):
        Client(address.replace("tls://", "tcp://"), timeout=3)
    with pytest.raises(OSError):
        Client(address, timeout=3, security=Security.temporary())


def test_the_dashboard_is_off(cluster: Cluster) -> None:
    """Nor does Dask serve any of its pages, as it does by default even without a dashboard."""
    scheduler = cluster._cluster.scheduler
    for page in ("status", "info/main/workers.html", "metrics", "json/index.html", "health"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{scheduler.http_server.port}/{page}", timeout=10)


def test_certificates_that_are_not_there(asked: xc.Study, tmp_path: Path) -> None:
    tls = (tmp_path / "ca.pem", tmp_path / "cert.pem", tmp_path / "key.pem")
    with pytest.raises(InputError, match="not tls://"):
        Cluster(asked, None, Settings(scheduler="tcp://127.0.0.1:1", tls=tls))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no such certificate or key"):
        Cluster(asked, None, Settings(scheduler="tls://127.0.0.1:1", tls=tls))  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_scheduler_with_certificates(asked: xc.Study, tmp_path: Path) -> None:
    from distributed import LocalCluster
    from distributed.security import Security

    security = Security.temporary()
    settings = security.get_tls_config_for_role("client")
    tls = tuple(tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    for file, key in zip(tls, ("ca_file", "cert", "key"), strict=True):
        file.write_text(settings[key])
    with LocalCluster(1, threads_per_worker=1, security=security, protocol="tls://", dashboard_address=":0") as there:
        run = xc.run(asked, tmp_path / "run", report=False, scheduler=there.scheduler_address, tls=tls)
    assert np.isfinite(run.maps["map"].to_numpy()).all()


def test_a_worker_takes_the_same_gpu_in_every_process() -> None:
    code = (
        "from xai_compare.runs.executors.cluster import gpu_of; print([gpu_of(n, 4, {}) for n in ('2', 'tcp://a:1')])"
    )
    said = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(xc.__file__).parents[1])}
        said.add(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout)
    assert len(said) == 1
    assert said.pop().startswith("[2, ")


def test_two_processes_on_one_directory(asked: xc.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    holder: Callable[[], Any] = FileLock(tmp_path / "run" / ".lock", is_singleton=False)
    with holder, pytest.raises(InputError, match="another process"):
        xc.run(asked, tmp_path / "run")


def test_a_changed_study_keeps_the_maps_it_shares(asked: xc.Study, tmp_path: Path) -> None:
    xc.run(asked, tmp_path / "run", report=False)
    record = tmp_path / "run/chunks/model--compact--grad_cam/00000.json"
    before = record.stat().st_mtime_ns
    changed = asked.model_dump(mode="json")
    changed["explainers"] = ["grad_cam", "cam"]
    other = xc.Study.parse(changed)
    with pytest.raises(InputError, match=r"another study's run, of which this one has not the explainer 'lime'"):
        xc.run(other, tmp_path / "run", report=False)
    run = xc.run(other, tmp_path / "run", overwrite=True, report=False)
    assert record.stat().st_mtime_ns == before
    assert set(run.maps.source.values.tolist()) == {"compact/cam", "compact/grad_cam", "known/region"}
    assert not (tmp_path / "run/chunks/model--compact--lime").exists()


def test_a_worker_that_ends_is_mentioned() -> None:
    said: list[str] = []
    engine = Cluster.__new__(Cluster)
    there = {"tls://a": 1, "tls://b": 1}
    engine._client = SimpleNamespace(nthreads=lambda: there)
    engine._there, engine._say = set(there), said.append
    engine._miss()
    assert said == []
    there.pop("tls://b")
    there["tls://c"] = 1  # Dask's nanny starts another one in its place.
    engine._miss()
    engine._miss()
    assert len(said) == 1
    assert said[0].startswith("a worker process ended before its time; what it was doing is done again")
