"""Shows 1: 20,000 people, several senders, a mail server and a database that are killed at random; nobody has two, nobody is lost.

All chance comes from one seed, which is printed: `FIRE_SEED=123 pytest ...` throws the same dice again (the processes'
timing is their own). Every blow falls when the mail server's record has reached a length, never after a time.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from fire.reckoning import Toll, reckon
from fire.rules import policy_of, write_rules
from fire.sender import WINDOW, FileClock
from fire.server import treatment
from fire.stage import OBSERVER, Database, MailServer, Stage, until
from fire.town import let_go, mail_to, settle_town
from marketflow.embedded.postgres import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

RECIPIENTS = int(os.environ.get("FIRE_RECIPIENTS", "20000"))
SENDERS, KILLS = 4, 32
DATABASE = ["fast", "immediate", "backend", "immediate"]
BLOWS = ["kill"] * KILLS + ["mail"] * 3 + DATABASE


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("FIRE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"FIRE_SEED={seed}")  # noqa: T201  (so that a failure can be repeated)
    return random.Random(seed)


@pytest.fixture
def stage(pg_server: Server, warehouse_dsn: str, tmp_path: Path) -> Iterator[Stage]:
    write_rules(tmp_path)
    now = dt.datetime.now(dt.UTC)
    start = now.replace(hour=14, minute=0)  # when it is night in Shanghai, and not in London or New York
    (tmp_path / "clock").write_text(str((start - now).total_seconds()))
    clock = FileClock(time_zone=ZoneInfo("UTC"), path=tmp_path / "clock")
    made = Stage(Database(pg_server, warehouse_dsn), MailServer(tmp_path / "taken.jsonl"), clock, senders=SENDERS)
    made.mail.start()
    yield made
    made.close()


def strike(stage: Stage, blow: str, chance: random.Random) -> None:
    if blow == "kill":
        stage.kill_one(chance)
        return
    stage.at_work()
    if blow == "mail":
        stage.mail.restart()
    else:
        stage.database.restart(blow)


def is_drained(stage: Stage, addresses: dict[int, str]) -> bool:
    """Nothing is on its way, and only those wait whom the server never takes."""
    left = stage.database.ask(
        "SELECT contact_point_id, state FROM activation.sends"
        " WHERE state IN ('released', 'claimed', 'sending', 'deferred')"
    )
    return all(state == "deferred" and treatment(addresses[contact]) == "never" for contact, state in left)


def plan_both(stage: Stage, chance: random.Random, folder: Path) -> dict[int, str]:
    """Two campaigns for the same people under a cap of one mail: the one that may wait is planned first, so both are planned.

    Returns the addresses.
    """
    policy = policy_of(folder)
    with psycopg.connect(stage.database.dsn) as conn:
        conn.execute(OBSERVER)
        addresses = settle_town(conn, RECIPIENTS, chance=chance, now=stage.clock.now())
        rival = mail_to(folder, "town_sale", "segment = 'town' AND recency_days < 10", priority=200)
        plans = [let_go(conn, c, stage.clock, policy) for c in (rival, mail_to(folder, "town_news"))]
    assert [p.audience for p in plans] == [RECIPIENTS // 4, RECIPIENTS]
    assert all(p.planned + p.refusals["holdout"] == p.audience for p in plans)
    return addresses


def test_nobody_has_two_mails_and_nobody_is_lost(stage: Stage, chance: random.Random, tmp_path: Path) -> None:
    addresses = plan_both(stage, chance, tmp_path)
    blows = chance.sample(BLOWS, len(BLOWS))
    points = sorted(chance.sample(range(RECIPIENTS // 100, RECIPIENTS * 9 // 10), len(blows)))
    for point, blow in zip(points, blows, strict=True):

        def reached(length: int = point) -> bool:
            stage.keep_going()
            return stage.mail.taken() >= length

        until(reached, f"{point} mails taken, then {blow}")
        strike(stage, blow, chance)

    def done() -> bool:
        stage.keep_going()
        return is_drained(stage, addresses)

    until(done, "the queue to be empty", 300)
    stage.let_end()
    toll = Toll(window=WINDOW, senders=SENDERS, killed=stage.killed, mail_restarts=BLOWS.count("mail"))
    found = reckon(stage.database, stage.mail.record, addresses, toll)
    story = f"{len(stage.killed)} kills, {stage.failures} senders failed, the clock was moved {stage.moves} times"
    print(f"{dict(found)}; {story}")  # noqa: T201  (the figures of a good run)
    assert len(stage.killed) >= 30
    assert stage.failures <= SENDERS * len(DATABASE), "senders fail for no other reason than the database"
    assert {state for state, _ in found} == {"sent", "failed", "deferred", "unknown", "skipped"}, (
        "not every state was met"
    )
