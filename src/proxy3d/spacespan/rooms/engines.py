"""Who makes the rooms: processes of this machine, or a Ray cluster; which one it is cannot be seen in what comes out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from proxy3d.errors import BadInput
from proxy3d.extras import require

Job, Done = TypeVar("Job"), TypeVar("Done")
AHEAD = 2  # jobs that wait on a cluster for each one that runs


def on_processes(task: Callable[[Job], Done], jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """A pool of fresh interpreters on this machine; one worker works right here."""
    if workers <= 1 or len(jobs) < 2:
        yield from map(task, jobs)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Fresh interpreters: an OpenGL context or a thread pool must not be copied into a child.
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        yield from pool.map(task, jobs, chunksize=4 if len(jobs) >= 16 * workers else 1)


def on_ray(task: Callable[[Job], Done], jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """The cluster that RAY_ADDRESS names, or a new local one; every machine must see the output folder, and the bank, at the same path.

    Raises:
        BadInput: Ray is not installed, or no cluster answers at RAY_ADDRESS.
    """
    ray = require("ray", for_what="--engine ray")
    if not jobs:
        return
    address = os.environ.get("RAY_ADDRESS")
    ours = not ray.is_initialized()
    if ours:
        where = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
        try:
            ray.init(log_to_driver=False, logging_level="warning", **where)
        except Exception as error:
            raise BadInput(f"--engine ray: no cluster at RAY_ADDRESS={address} ({error}); start one with `ray start --head`, or unset it") from None
    try:
        remote, waiting, left = ray.remote(num_cpus=1)(task), [], iter(jobs)
        while True:
            waiting += [remote.remote(job) for _, job in zip(range(AHEAD * workers - len(waiting)), left, strict=False)]
            if not waiting:
                return
            (first,), waiting = ray.wait(waiting, num_returns=1)
            yield ray.get(first)
    finally:
        if ours:
            ray.shutdown()


ENGINES: dict[str, Callable[[Callable[[Job], Done], Sequence[Job], int], Iterator[Done]]] = {"processes": on_processes, "ray": on_ray}


def engine(name: str) -> Callable[[Callable[[Job], Done], Sequence[Job], int], Iterator[Done]]:
    """Raises BadInput when no engine has that name."""
    if name not in ENGINES:
        raise BadInput(f"no engine is called {name!r}; known: {', '.join(ENGINES)}")
    return ENGINES[name]


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next job for ever."""
    import threading
    from multiprocessing import parent_process

    def watch() -> None:
        parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
