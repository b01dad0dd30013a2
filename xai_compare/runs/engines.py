"""Who does the work: this process, or the processes of a Dask cluster. Both do the same, to the last bit."""

from __future__ import annotations

import itertools
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xai_compare.errors import InputError
from xai_compare.runs.store import MapStore
from xai_compare.runs.work import Item, Worker, worker_of
from xai_compare.study import Study

TRIES = 3
"""A chunk that fails this often is set aside."""
ENVIRONMENT = {
    "OMP_NUM_THREADS": 1,
    "MKL_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_TRIM_THRESHOLD_": 2**28,
    "MALLOC_MMAP_THRESHOLD_": 2**28,
}
"""Of a worker's process. Dask's own trims memory so eagerly that networks run two and a half times slower."""


@dataclass(frozen=True)
class Chunk:
    """One unit of work: some pictures, one network, one explainer.

    Attributes:
        model, explainer: their numbers in the study.
        index: of the chunk in its store.
        items: what is explained.
        fingerprint: of all its maps depend on.
        total: pictures that this network and explainer have in the whole study.
    """

    model: int
    explainer: int
    index: int
    items: list[Item]
    fingerprint: str
    total: int


Outcome = tuple[Chunk, str]
"""A chunk that was made, and why it failed (empty if it did not)."""


class Engine(Protocol):
    """Whoever does the work."""

    def look(self, model: int, parts: Iterable[Sequence[str]]) -> Iterator[Any]:
        """Let a network look at lists of pictures; results come in the order of the lists."""

    def explain(self, chunks: Sequence[Chunk], store: MapStore) -> Iterator[Outcome]:
        """Make chunks, in any order; each is in the store, or has failed for good, when it is yielded."""

    def close(self) -> None:
        """Let go of whatever was held."""


class Local:
    """This process; a second thread reads the next chunk's pictures while one is explained."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._loader = ThreadPoolExecutor(1)

    def look(self, model: int, parts: Iterable[Sequence[str]]) -> Iterator[Any]:
        """See `Engine.look`."""
        for part in parts:
            yield self.worker.look(model, part)

    def explain(self, chunks: Sequence[Chunk], store: MapStore) -> Iterator[Outcome]:
        """See `Engine.explain`."""
        waiting: deque[Any] = deque()
        upcoming = iter(chunks)

        def load(number: int) -> None:
            for chunk in itertools.islice(upcoming, number):
                waiting.append((chunk, self._loader.submit(self.worker.load, chunk.model, chunk.items)))

        if chunks:
            self.worker.model(chunks[0].model)  # Loaded here, not in the loader's thread.
        load(2)
        while waiting:
            chunk, batch = waiting.popleft()
            load(1)
            yield chunk, self._make(chunk, batch, store)

    def close(self) -> None:
        """See `Engine.close`."""
        self._loader.shutdown(cancel_futures=True)

    def _make(self, chunk: Chunk, batch: Any, store: MapStore) -> str:
        why = ""
        for _ in range(TRIES):
            try:
                pictures = batch.result()
                maps, facts = self.worker.explain(chunk.model, chunk.explainer, chunk.items, pictures, chunk.total)
                store.write(chunk.index, maps, {**facts, "fingerprint": chunk.fingerprint})
                return ""
            except (InputError, OSError):
                raise
            except Exception as error:  # One bad chunk must not end a study of days; it is named in the end.
                why = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return why


class Cluster:
    """The workers of a Dask cluster, local or elsewhere.

    The scheduler carries names, landmarks and records, never pixels; workers read the pictures and write the maps.
    Where the workers do not see the run directory, maps come back and are written here.

    Args:
        study: what is asked.
        pictures: the run's knowledge of the faces.
        device: where the networks run.
        workers: processes to start on this machine, if no address is given.
        address: of a scheduler that runs already.
    """

    def __init__(self, study: Study, pictures: Any, device: str, workers: int, address: str | None) -> None:
        try:
            import dask
            from dask.distributed import Client, LocalCluster
        except ImportError:
            raise InputError("dask.distributed is not installed", mend="pip install 'distributed'") from None
        self._text, self._base, self._pictures = study.dump(), Path.cwd(), pictures
        self._device = device
        self._cluster = None
        if address is None:
            with dask.config.set({"distributed.nanny.pre-spawn-environ": ENVIRONMENT}):
                self._cluster = LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
                )
        try:
            self._client = Client(address or self._cluster, timeout=30)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(f"no Dask scheduler answers ({error})", where=address, mend="check its address") from None

    def look(self, model: int, parts: Iterable[Sequence[str]]) -> Iterator[Any]:
        """See `Engine.look`."""
        window = 2 * max(len(self._client.scheduler_info()["workers"]), 1)
        waiting: deque[Any] = deque()
        upcoming = iter(parts)

        def submit(number: int) -> None:
            for part in itertools.islice(upcoming, number):
                known = self._known(part)
                waiting.append((part, self._submit(_look, model, list(part), known) if part else None))

        submit(window)
        try:
            while waiting:
                _, future = waiting.popleft()
                submit(1)
                yield future.result() if future is not None else ({}, {})
        finally:
            self._client.cancel([future for _, future in waiting if future is not None])

    def explain(self, chunks: Sequence[Chunk], store: MapStore) -> Iterator[Outcome]:
        """See `Engine.explain`."""
        from dask.distributed import as_completed

        with _token(store.run) as token:
            running: dict[Any, tuple[Chunk, int]] = {}

            def submit(chunk: Chunk, tries: int) -> Any:
                known = self._known([item.image for item in chunk.items])
                future = self._submit(_explain, chunk, store, known, str(token))
                running[future] = (chunk, tries)
                return future

            done = as_completed([submit(chunk, 1) for chunk in chunks])
            for future in done:
                chunk, tries = running.pop(future)
                error = future.exception()
                if error is None:
                    maps, facts = future.result()
                    if maps is not None:
                        store.write(chunk.index, maps, facts)
                    yield chunk, ""
                elif isinstance(error, InputError):
                    raise error
                elif tries < TRIES:
                    done.add(submit(chunk, tries + 1))
                else:
                    yield chunk, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
                future.release()

    def close(self) -> None:
        """See `Engine.close`."""
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def _submit(self, task: Any, *arguments: Any) -> Any:
        return self._client.submit(task, self._text, self._base, self._device, *arguments, pure=False)

    def _known(self, images: Iterable[str]) -> dict[str, dict[str, Any]]:
        records = {image: self._pictures.record(image) for image in images if self._pictures.sha256(image)}
        return {image: {k: v for k, v in record.items() if k != "key"} for image, record in records.items()}


class _token:  # noqa: N801
    """A file in the run directory by which a worker tells whether it sees the same directory."""

    def __init__(self, run: Path) -> None:
        self.path = (run / f".shared-{uuid.uuid4().hex}").resolve()

    def __enter__(self) -> Path:
        self.path.touch()
        return self.path

    def __exit__(self, *problem: object) -> None:
        self.path.unlink(missing_ok=True)


def _at_work(study: str, base: Path, device: str) -> Worker:
    """This process's worker; with several GPUs each process takes one."""
    import torch
    from dask.distributed import get_worker

    torch.set_num_threads(1)
    if device in ("auto", "cuda") and torch.cuda.device_count() > 1:
        name = str(get_worker().name)
        device = f"cuda:{(int(name) if name.isdigit() else hash(name)) % torch.cuda.device_count()}"
    return worker_of(study, base, device)


def _look(study: str, base: Path, device: str, model: int, images: list[str], known: dict[str, dict[str, Any]]) -> Any:
    worker = _at_work(study, base, device)
    worker.pictures.learn(known, write=False)
    return worker.look(model, images)


def _explain(
    study: str,
    base: Path,
    device: str,
    chunk: Chunk,
    store: MapStore,
    known: dict[str, dict[str, Any]],
    token: str,
) -> Any:
    worker = _at_work(study, base, device)
    worker.pictures.learn(known, write=False)
    batch = worker.load(chunk.model, chunk.items)
    maps, facts = worker.explain(chunk.model, chunk.explainer, chunk.items, batch, chunk.total)
    facts = {**facts, "fingerprint": chunk.fingerprint}
    if Path(token).exists():
        store.write(chunk.index, maps, facts)
        return None, None
    return maps, facts
