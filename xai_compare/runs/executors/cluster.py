"""The processes of a Dask cluster, on this machine or elsewhere.

The scheduler carries names, landmarks and records, no pictures; workers read these, and store outcomes where they see
the run directory. Where they do not, outcomes come back and are stored here.
"""

from __future__ import annotations

import itertools
import os
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from xai_compare.errors import InputError
from xai_compare.extras import require
from xai_compare.registry import STAGES
from xai_compare.runs.executors import TRIES, USER_ERRORS, Outcome, attempt, reason
from xai_compare.runs.face_cache import FaceCache
from xai_compare.runs.map_stage import MapStage
from xai_compare.runs.stage import Stage, Task
from xai_compare.runs.worker import Worker, worker_of
from xai_compare.study import Study

AHEAD = 4
"""Tasks waiting for each worker, so that none runs dry."""
ENVIRONMENT = {
    "OMP_NUM_THREADS": 1,
    "MKL_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_TRIM_THRESHOLD_": 2**28,
    "MALLOC_MMAP_THRESHOLD_": 2**28,
}
"""Of a worker's process. Dask's own trims memory so eagerly that networks run two and a half times slower."""


NO_PAGES: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
"""Without a dashboard Dask still serves pages about every task, unencrypted; here it serves none."""


class Cluster:
    """Does tasks on Dask workers.

    Args:
        study: what is asked.
        pictures: the run's knowledge of the faces.
        settings: device, batch size, how many processes, or the address of a scheduler that runs already.
        say: told of what the user should know.

    Raises:
        InputError: if Dask is not installed, or no scheduler answers.
    """

    def __init__(
        self, study: Study, pictures: FaceCache, settings: Any, say: Callable[[str], None] = lambda line: None
    ) -> None:
        require("dask", "distributed")
        import dask
        from dask.distributed import Client, LocalCluster
        from distributed.security import Security

        self._worker = (study.dump(), Path.cwd(), settings.device, settings.batch_size, settings.allow_code)
        self._pictures = pictures
        self._cluster = None
        address = settings.scheduler
        security = _security(settings.tls, address) if address else Security.temporary()
        if address is None:
            with dask.config.set({"distributed.nanny.pre-spawn-environ": ENVIRONMENT, **NO_PAGES}):
                self._cluster = LocalCluster(
                    n_workers=settings.workers or 1,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    memory_limit=0,
                    # A port on a loopback device is open to every user of the machine, and who reaches it runs code.
                    security=security,
                    protocol="tls://",
                )
        try:
            self._client = Client(address or self._cluster, timeout=30, security=security)
        except (OSError, ValueError, TypeError, RuntimeError, TimeoutError) as error:
            hint = "check its address, and name its certificates with --tls if it begins with tls://"
            raise InputError(f"no Dask scheduler answers ({error})", where=address, hint=hint) from None
        self._say = say
        self._there = set(self._client.nthreads())

    def map(self, stage: type[Stage], tasks: Iterable[Task], directory: Path, *, ordered: bool) -> Iterator[Outcome]:
        """See `xai_compare.runs.executors.Executor.map`."""
        from dask.distributed import wait

        running: deque[tuple[Task, int, Any]] = deque()
        upcoming = iter(tasks)
        with _token(directory) as token:

            def submit(task: Task, tries: int = 1) -> None:
                known = self._known(task.images)
                future = self._client.submit(_work, stage.name, task, *self._worker, known, str(token), pure=False)
                running.append((task, tries, future))

            def draw(count: int) -> None:
                for task in itertools.islice(upcoming, count):
                    submit(task)

            try:
                draw(AHEAD * max(len(self._client.nthreads()), 1))
                while running:
                    if not ordered:
                        done = wait([future for _, _, future in running], return_when="FIRST_COMPLETED").done
                        running.rotate(-next(i for i, (_, _, future) in enumerate(running) if future in done))
                    task, tries, future = running.popleft()
                    error = future.exception()
                    self._miss()
                    if isinstance(error, USER_ERRORS):
                        raise error
                    if error is not None and tries < TRIES:
                        submit(task, tries + 1)
                        running.rotate(1 if ordered else 0)
                        continue
                    draw(1)
                    if error is not None:
                        yield Outcome(task, None, reason(error))
                        continue
                    value = future.result()
                    if value is not None and issubclass(stage, MapStage):
                        stage.store(directory, task, *value)
                        value = None
                    yield Outcome(task, value, "")
            finally:
                self._client.cancel([future for _, _, future in running])

    def _miss(self) -> None:
        """Tell of processes that ended since the last time; the scheduler gives their tasks to others by itself."""
        there = set(self._client.nthreads())
        lost, self._there = self._there - there, there
        if lost:
            what = "a worker process" if len(lost) == 1 else f"{len(lost)} worker processes"
            self._say(
                f"{what} ended before its time; what it was doing is done again. If it was killed for want of memory, "
                "use fewer --workers or a smaller --batch-size"
            )

    def close(self) -> None:
        """See `xai_compare.runs.executors.Executor.close`."""
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def _known(self, images: Iterable[str]) -> dict[str, dict[str, Any]]:
        records = {image: self._pictures.record(image) for image in images if self._pictures.sha256(image)}
        return {image: {k: v for k, v in record.items() if k != "key"} for image, record in records.items()}


def _security(files: tuple[Path, Path, Path] | None, address: str) -> Any:
    """How to speak with a scheduler: in the open, or with the certificates given.

    Raises:
        InputError: if a file is not there, or the address is one of a scheduler that does not use them.
    """
    from distributed.security import Security

    if files is None:
        return Security(require_encryption=False)
    if not address.startswith("tls://"):
        hint = "start the scheduler with --tls-ca-file, --tls-cert and --tls-key, and name it as tls://HOST:PORT"
        raise InputError("certificates are given, but the scheduler's address is not tls://", where=address, hint=hint)
    for file in files:
        if not Path(file).is_file():
            raise InputError("no such certificate or key", where=file, hint="--tls CA.pem CERTIFICATE.pem KEY.pem")
    authority, certificate, key = map(str, files)
    return Security(tls_ca_file=authority, tls_client_cert=certificate, tls_client_key=key, require_encryption=True)


class _token:  # noqa: N801
    """A file in the run directory by which a worker tells whether it sees the same directory."""

    def __init__(self, run: Path) -> None:
        self.path = (run / f".shared-{uuid.uuid4().hex}").resolve()

    def __enter__(self) -> Path:
        self.path.touch()
        return self.path

    def __exit__(self, *problem: object) -> None:
        self.path.unlink(missing_ok=True)


def gpu_of(worker: str, count: int, environment: dict[str, str] | None = None) -> int:
    """Which of a machine's GPUs a worker takes: by its number, SLURM's rank on the machine, or a hash of its name.

    The same in every process, as Python's own hash is not.

    >>> gpu_of("3", 2), gpu_of("tcp://node:1", 4, {"SLURM_LOCALID": "6"})
    (1, 2)
    """
    rank = (os.environ if environment is None else environment).get("SLURM_LOCALID", "")
    number = int(worker) if worker.isdigit() else int(rank) if rank.isdigit() else zlib.crc32(worker.encode())
    return number % count


def _at_work(study: str, base: Path, device: str, batch_size: int, allow_code: bool) -> Worker:
    """This process's worker; with several GPUs each process takes one."""
    import torch
    from dask.distributed import get_worker

    torch.set_num_threads(1)
    if device in ("auto", "cuda") and torch.cuda.device_count() > 1:
        device = f"cuda:{gpu_of(str(get_worker().name), torch.cuda.device_count())}"
    return worker_of(study, base, device, batch_size, allow_code)


def _work(
    stage: str,
    task: Task,
    study: str,
    base: Path,
    device: str,
    batch_size: int,
    allow_code: bool,
    known: dict[str, dict[str, Any]],
    token: str,
) -> tuple[Any, float] | None:
    worker = _at_work(study, base, device, batch_size, allow_code)
    worker.pictures.learn(known, write=False)
    cls: type[Stage] = STAGES.get(stage)
    outcome, seconds = attempt(cls, worker, task)
    if issubclass(cls, MapStage) and Path(token).exists():
        cls.store(Path(token).parent, task, outcome, seconds)
        return None
    return outcome, seconds
