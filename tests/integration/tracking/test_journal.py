"""A journal's records reach their table once, whatever is killed, damaged or done twice at the same time."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from campaign_shop import KEYS, RING
from journals import journal
from marketflow.campaigns.tracking import Record, is_waiting, take
from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.shared import SourceError
from marketflow.sources.places.collector import CollectorPlace

OTHER = KeyRing.from_json(generate_key_ring())


@pytest.fixture
def taken(conn: psycopg.Connection) -> psycopg.Connection:
    conn.execute(
        "CREATE TABLE public.taken (event_id text PRIMARY KEY, number int NOT NULL, place int GENERATED ALWAYS AS IDENTITY)"
    )
    conn.commit()
    return conn


def keep(conn: psycopg.Connection, records: list[Record]) -> None:
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO public.taken (event_id, number) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [(r["event_id"], r["number"]) for r in records],
        )


def records(*numbers: int) -> list[Record]:
    return [{"event_id": f"e{n}", "number": n} for n in numbers]


def numbers(conn: psycopg.Connection) -> list[int]:
    found = [n for (n,) in conn.execute("SELECT number FROM public.taken ORDER BY place").fetchall()]
    conn.rollback()
    return found


def test_the_oldest_segment_comes_first_and_all_are_deleted(taken: psycopg.Connection, tmp_path: Path) -> None:
    for start in (0, 100, 200):
        journal(tmp_path, records(*range(start, start + 100)))
    sizes: list[int] = []
    found = take(taken, tmp_path, RING, lambda c, r: (sizes.append(len(r)), keep(c, r))[1], batch=40)
    assert (found.segments, found.records, found.problems) == (3, 300, ())
    assert sizes == [40, 40, 20] * 3
    assert numbers(taken) == list(range(300))
    assert not list(tmp_path.iterdir())
    assert not is_waiting(tmp_path)


def test_nothing_to_do_needs_no_database(tmp_path: Path) -> None:
    nobody: Any = None
    assert take(nobody, tmp_path / "missing", RING, keep).segments == 0
    (tmp_path / ".20261122T090000000000-00000000.events").write_bytes(b"still being written")
    assert take(nobody, tmp_path, RING, keep).segments == 0


def test_a_handler_that_fails_leaves_the_segment_and_what_was_committed(
    taken: psycopg.Connection, tmp_path: Path
) -> None:
    """Each list is a transaction: one that fails takes none of those before it back, nor holds them open."""
    path = journal(tmp_path, records(*range(10)))

    def fails(conn: psycopg.Connection, some: list[Record]) -> None:
        keep(conn, some)
        if some[0]["number"] >= 5:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        take(taken, tmp_path, RING, fails, batch=5)
    assert (numbers(taken), path.exists()) == (list(range(5)), True)
    assert take(taken, tmp_path, RING, keep).records == 10  # the lock is free again, too
    assert numbers(taken) == list(range(10))


def test_what_the_database_refuses_stays_and_does_not_stop_the_others(
    taken: psycopg.Connection, tmp_path: Path
) -> None:
    bad = journal(tmp_path, [*records(1), {"event_id": "secret-value", "number": None}])
    journal(tmp_path, records(2, 3))
    found = take(taken, tmp_path, RING, keep)
    assert (found.segments, found.records) == (1, 2)
    assert found.problems == (
        f"{tmp_path.name}/{bad.name} was not taken and stays: the database refuses a record (NotNullViolation)",
    )
    assert (numbers(taken), [p.name for p in tmp_path.iterdir()]) == ([2, 3], [bad.name])


def test_what_takes_the_database_too_long_stays_and_does_not_stop_the_others(
    taken: psycopg.Connection, tmp_path: Path
) -> None:
    slow = journal(tmp_path, records(1))
    journal(tmp_path, records(2))

    def sleeps(conn: psycopg.Connection, some: list[Record]) -> None:
        keep(conn, some)
        if some[0]["number"] == 1:
            conn.execute("SELECT pg_sleep(60)")

    found = take(taken, tmp_path, RING, sleeps, statement_ms=300)
    assert found.problems == (
        f"{tmp_path.name}/{slow.name} was not taken and stays: the database takes too long over it",
    )
    assert (numbers(taken), slow.exists()) == ([2], True)
    taken.execute("SELECT pg_sleep(0.4)")  # the limit is gone
    taken.rollback()
    assert take(taken, tmp_path, RING, keep, statement_ms=300).records == 1


def test_damage_is_set_aside_with_the_rest_taken(
    taken: psycopg.Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = journal(tmp_path, records(1))
    with first.open("ab") as file:
        file.write(b"torn by a broken disk")
    second = journal(tmp_path, [*records(2), ["no object"], {"number": 9}])
    journal(tmp_path, records(3))
    with caplog.at_level(logging.ERROR):
        found = take(taken, tmp_path, RING, keep)
    assert (numbers(taken), found.segments, found.records) == ([1, 2, 3], 3, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name + ".aside" for p in (first, second))
    assert ["1 parts" in found.problems[0], "2 parts" in found.problems[1]] == [True, True]
    assert [r.message for r in caplog.records] == list(found.problems)
    again = take(taken, tmp_path, RING, keep)
    assert (again.segments, again.problems) == (0, ())


def test_a_segment_of_other_keys_waits_for_them(taken: psycopg.Connection, tmp_path: Path) -> None:
    foreign = journal(tmp_path, records(1), OTHER)
    journal(tmp_path, records(2))
    found = take(taken, tmp_path, RING, keep)
    assert (numbers(taken), foreign.exists()) == ([2], True)
    assert "cannot be decrypted with key version 1" in found.problems[0]
    assert take(taken, tmp_path, OTHER, keep).records == 1
    assert numbers(taken) == [2, 1]


def test_two_at_once_take_each_once(taken: psycopg.Connection, warehouse_dsn: str, tmp_path: Path) -> None:
    for start in range(0, 50, 10):
        journal(tmp_path, records(*range(start, start + 10)))
    inside, may_go = threading.Event(), threading.Event()

    def slowly(conn: psycopg.Connection, some: list[Record]) -> None:
        inside.set()
        assert may_go.wait(30)
        keep(conn, some)

    first = threading.Thread(target=take, args=(taken, tmp_path, RING, slowly))
    first.start()
    assert inside.wait(30)
    with psycopg.connect(warehouse_dsn) as other:
        assert take(other, tmp_path, RING, keep).is_busy
    may_go.set()
    first.join(30)
    assert numbers(taken) == list(range(50))
    assert not list(tmp_path.iterdir())


def test_a_segment_that_vanishes_is_no_fault(taken: psycopg.Connection, tmp_path: Path) -> None:
    journal(tmp_path, records(1))
    second = journal(tmp_path, records(2))

    def removes(conn: psycopg.Connection, some: list[Record]) -> None:
        keep(conn, some)
        second.unlink(missing_ok=True)

    found = take(taken, tmp_path, RING, removes)
    assert (found.segments, found.problems, numbers(taken)) == (1, (), [1])


KILLED = """
import os, signal, sys
from pathlib import Path
import psycopg
from marketflow.campaigns.tracking import take
from marketflow.privacy import KeyRing

dsn, folder = sys.argv[1:]
unlink = Path.unlink
Path.unlink = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)  # the worst moment: committed, not deleted

def keep(conn, records):
    for r in records:
        conn.execute("INSERT INTO public.taken (event_id, number) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                     (r["event_id"], r["number"]))

with psycopg.connect(dsn) as conn:
    take(conn, Path(folder), KeyRing.from_json(os.environ["RING"]), keep)
"""


def test_one_that_is_killed_after_the_commit_hands_over_again(
    taken: psycopg.Connection, warehouse_dsn: str, tmp_path: Path
) -> None:
    journal(tmp_path, records(1, 2))
    journal(tmp_path, records(3))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, warehouse_dsn, str(tmp_path)], env={**os.environ, "RING": KEYS}, check=False
    )
    assert done.returncode == -9
    assert (numbers(taken), len(list(tmp_path.iterdir()))) == ([1, 2], 2)
    assert take(taken, tmp_path, RING, keep).records == 3
    assert numbers(taken) == [1, 2, 3]


def test_a_folder_that_cannot_be_listed_is_told(taken: psycopg.Connection, tmp_path: Path) -> None:
    folder = tmp_path / "tracked"
    folder.write_text("a file stands in its place")
    with pytest.raises(SourceError, match="the journal tracked cannot be listed"):
        take(taken, folder, RING, keep)


def test_the_collectors_source_leaves_journals_alone(tmp_path: Path) -> None:
    """They stand below its folder."""
    journal(tmp_path / "tracked", records(1))
    assert list(CollectorPlace(folder=tmp_path, keys=RING).items()) == []
