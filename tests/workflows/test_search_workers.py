"""Real processes on one search: killed at any moment, racing, on every kind of storage."""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.evaluator import Stage
from gancompress.architecture_search.front import Front
from gancompress.architecture_search.study import StudySpec, cost_function, search
from gancompress.supernet.space import SearchSpace
from tests.unit.architecture_search.synthetic import Quality, chain, space_of

TRIALS, FINALISTS = 36, 4
SPACE: SearchSpace = space_of(5, 5)

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["gancompress.architecture_search.study", "tests.unit.architecture_search.synthetic"]
)


def work(storage: str, log: str) -> Front:
    """One worker; it notes each evaluation that it begins, as ``stage subnet`` lines."""

    def noting(stage: str, quality: Quality):
        def score(subnet, seed):
            with Path(log).open("a") as file:
                file.write(f"{stage} {subnet}\n")
            time.sleep(0.01)
            return quality(subnet)

        return score

    stages = [
        Stage("paired", {"loss": "minimize"}, noting("paired", Quality(SPACE)), TRIALS),
        Stage("full", {"loss": "minimize"}, noting("full", Quality(SPACE, 3)), FINALISTS),
    ]
    return search(
        SPACE, cost_function(chain(SPACE)), stages, Budget.parse(macs="1/4"),
        StudySpec(storage=storage, name="race", fingerprint="w", seed=0),
    )  # fmt: skip


def start(storage: str, log: Path) -> multiprocessing.process.BaseProcess:
    process = PROCESSES.Process(target=work, args=(storage, str(log)))
    process.start()
    return process


def evaluations(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as these tests."""
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL")
    if not all(map(shutil.which, ("initdb", "pg_ctl", "postgres"))):
        pytest.skip("PostgreSQL is not installed")
    as_user: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    if os.geteuid() == 0:  # the server refuses to run as root
        if shutil.which("runuser") is None or subprocess.run(["id", "postgres"]).returncode:
            pytest.skip("running as root, and there is no user postgres")
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data = str(folder / "data")
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    user = ["-U", "searcher", "--auth=trust"]
    subprocess.run([*as_user, "initdb", "-D", data, *user], cwd="/tmp", **quiet)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    log = ["-l", str(folder / "log")]
    subprocess.run([*as_user, "pg_ctl", "-D", data, "-w", "-o", options, *log, "start"],
                   cwd="/tmp", **quiet)  # fmt: skip
    try:
        yield f"postgresql+psycopg://searcher@/postgres?host={folder}"
    finally:
        subprocess.run([*as_user, "pg_ctl", "-D", data, "-m", "immediate", "stop"],
                       cwd="/tmp", **quiet)  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["journal", "sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres"))
    return f"{tmp_path}/journal" if request.param == "journal" else f"sqlite:///{tmp_path}/s.db"


def test_killed_five_times_and_two_workers_racing_lose_no_trial_and_repeat_none(storage, tmp_path):
    log, moments = tmp_path / "log", random.Random(0)

    # A worker, killed five times.
    for kill in range(5):
        worker = start(storage, log)
        deadline = time.monotonic() + 120
        while len(evaluations(log)) < 4 * (kill + 1) and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.02))
        assert worker.pid is not None and worker.is_alive()
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()

    # Two workers racing to the end.
    racing = [start(storage, log), start(storage, log)]
    for worker in racing:
        worker.join(240)
    assert [worker.exitcode for worker in racing] == [0, 0]

    # Every trial is there once, and only what a kill broke off was begun twice.
    before = evaluations(log)
    front = work(storage, str(log))
    assert evaluations(log) == before
    assert len(front.candidates) == TRIALS
    finalists = [c for c in front.candidates if ("full", "loss") in c.scores]
    assert len(finalists) in (FINALISTS, FINALISTS + 1)
    begun = Counter(before)
    assert len(begun) == TRIALS + len(finalists)
    assert len(before) - len(begun) <= 5
    quality = Quality(SPACE)
    assert all(c.scores["paired", "loss"] == quality(c.subnet)["loss"] for c in front.candidates)
