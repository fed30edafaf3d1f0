import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from sqlalchemy.exc import IntegrityError

from gancompress.architecture_search import shared_study, storage
from gancompress.architecture_search.shared_study import SharedStudy
from gancompress.architecture_search.storage import open_storage
from gancompress.errors import RunError
from gancompress.supernet.space import Subnet

from .synthetic import space_of

SPACE = space_of(2, 4)
A, B = Subnet((16, 16)), Subnet((32, 16))


def open_study(where: Path, fingerprint: str = "f", **changes: object) -> SharedStudy:
    study = SharedStudy(
        open_storage(where),
        "s",
        space=SPACE,
        directions={"loss": "minimize"},
        fingerprint=fingerprint,
    )
    for name, value in changes.items():
        setattr(study, f"_{name}", value)
    return study


@pytest.fixture(params=["journal", "sqlite"])
def where(request, tmp_path):
    return tmp_path / "j" if request.param == "journal" else f"sqlite:///{tmp_path}/s.db"


def test_a_score_is_there_for_the_next_worker(where):
    study = open_study(where)
    number = study.claim(A)
    study.finish(number, [0.25], [0.125])
    (record,) = open_study(where).records()
    assert (record.subnet, record.values, record.spreads) == (A, (0.25,), (0.125,))
    assert isinstance(record.subnet, Subnet)


def test_only_the_first_claim_on_a_subnet_holds(where):
    one, other = open_study(where), open_study(where)
    number = one.claim(A)
    assert number is not None
    assert other.claim(A) is None
    assert other.claim(B) is not None
    one.finish(number, [1.0], [0.0])
    assert other.claim(A) is None
    assert [record.subnet for record in one.records()] == [A, B]


def test_a_claim_of_a_living_worker_is_kept(where):
    one = open_study(where)
    one.claim(A)
    assert [record.values for record in open_study(where).records()] == [None]


def test_a_claim_of_a_dead_worker_is_offered_again(where):
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True)  # fmt: skip
    host = shared_study._worker_name().rsplit(" ", 2)[0]
    open_study(where, worker=f"{host} {int(child.stdout)} 12345").claim(A)
    study = open_study(where)
    assert study.records() == []
    assert study.abandoned() == [A]
    number = study.claim(A)
    assert number is not None
    study.finish(number, [1.0], [0.0])
    assert study.abandoned() == []


def test_a_process_that_took_over_a_dead_workers_number_does_not_keep_its_claims(where):
    host = shared_study._worker_name().rsplit(" ", 2)[0]
    open_study(where, worker=f"{host} {os.getpid()} 1").claim(A)
    assert open_study(where).records() == []


def test_a_claim_on_another_machine_is_waited_for_but_not_for_ever(where, monkeypatch):
    open_study(where, worker="elsewhere 1 1").claim(A)
    study = open_study(where)
    assert [record.subnet for record in study.records()] == [A]
    monkeypatch.setattr(shared_study, "PATIENCE", timedelta(0))
    assert study.records() == []


def test_a_score_that_comes_after_the_claim_was_given_up_is_dropped(where):
    late, other = open_study(where), open_study(where)
    number = late.claim(A)
    other.records()
    other.withdraw(number)
    again = other.claim(A)
    other.finish(again, [2.0], [0.0])
    late.finish(number, [1.0], [0.0])
    assert [record.values for record in late.records()] == [(2.0,)]


def test_optuna_sees_widths_as_parameters(where):
    open_study(where).claim(B)
    (trial,) = optuna.load_study(study_name="s", storage=open_storage(where)).trials
    assert trial.params == {"g0": 32, "g1": 16}
    assert datetime.now() - trial.datetime_start < timedelta(minutes=1)


def test_scores_made_otherwise_are_refused(where):
    open_study(where)
    with pytest.raises(RunError, match="fingerprint"):
        open_study(where, "other")


def test_a_half_written_line_is_dropped(tmp_path):
    path = tmp_path / "j"
    study = open_study(path)
    study.finish(study.claim(A), [1.0], [0.0])
    with path.open("ab") as journal:
        journal.write(b'{"op_code": 4, "worker')
    study = open_study(path)
    study.finish(study.claim(B), [2.0], [0.0])
    assert [record.subnet for record in open_study(path).records()] == [A, B]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_password_is_not_shown():
    with pytest.raises(RunError) as caught:
        open_storage("postgresql+psycopg://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value) and "me:***@127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("url", ["nosuch://x", "sqlite:////nonexistent/folder/s.db"])
def test_a_storage_that_cannot_be_opened_is_refused(url):
    with pytest.raises(RunError, match="storage"):
        open_storage(url)


def test_a_storage_file_that_is_no_journal_is_refused(tmp_path):
    path = tmp_path / "front.csv"
    path.write_text("subnet,uniform\n")
    with pytest.raises(RunError, match="no journal"):
        open_storage(path)


def test_a_database_that_another_worker_is_making_is_opened_when_it_is_there(monkeypatch, tmp_path):
    made = []

    def opening(url: str, **settings: object) -> object:
        made.append(url)
        if len(made) == 1:
            raise IntegrityError("CREATE", {}, Exception("UNIQUE constraint failed"))
        return RDBStorage(url, **settings)

    monkeypatch.setattr(storage, "RDBStorage", opening)
    monkeypatch.setattr(storage, "PAUSE", 0)
    assert isinstance(open_storage(f"sqlite:///{tmp_path}/s.db"), RDBStorage)
    assert len(made) == 2
