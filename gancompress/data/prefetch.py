"""Having the next batches ready while the current one is used."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Batches by step number, the following ones fetched by threads beforehand.

    Threads are enough: gathering from memory maps and decoding release the interpreter's lock.
    Steps may be asked for in any order; one that was not foreseen is fetched when it is asked for.

    Args:
        fetch: gives the batch of a step; it must not depend on what was fetched before.
        depth: how many steps ahead to fetch.
        workers: number of threads.
    """

    def __init__(self, fetch: Callable[[int], T], *, depth: int, workers: int = 1) -> None:
        self._fetch = fetch
        self._depth = depth
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="prefetch")
        self._coming: dict[int, Future[T]] = {}

    def __call__(self, step: int) -> T:
        """The batch of ``step``; raises what fetching it raised."""
        wanted = range(step, step + self._depth + 1)
        for unforeseen in self._coming.keys() - set(wanted):
            self._coming.pop(unforeseen).cancel()
        for number in wanted:
            if number not in self._coming:
                self._coming[number] = self._pool.submit(self._fetch, number)
        return self._coming.pop(step).result()

    def close(self) -> None:
        """Stop the threads; what they were fetching is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> "Prefetch[T]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
