"""A tick that is killed at any moment, and two at once: nobody skips a step, makes one twice or gets anything twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg

from campaign_shop import KEYS, RING
from conftest import ROOT
from journey_desk import Desk
from marketflow.campaigns.journeys import tick

PEOPLE, MOST = 1_000, 25
STEPS = """
steps:
  pause: {wait: {for: 1 hour}}
  split: {branch: {shares: {one: 1, two: 1}}}
  one: {send: {}, next: crm}
  two: {send: {}}
  crm: {webhook: {account: crm_hook}}
  week: {wait: {for: 7 days}}
"""


def _ready(desk: Desk) -> None:
    """So many people at the end of a wait."""
    journey = desk.journey(STEPS, mails=("one", "two"))
    desk.conn.execute("BEGIN")
    desk.people(PEOPLE)
    desk.conn.execute("COMMIT")
    desk.enrol(journey)
    desk.tick(journey)
    desk.conn.execute("UPDATE activation.journey_visits SET due_at = due_at - interval '1 hour'")


def _check(desk: Desk) -> None:
    """Everybody has made each move once, in a row, with one mail and one message to the other system."""
    assert desk.rows("SELECT state, step, count(*) FROM activation.journey_visits GROUP BY 1, 2") == [
        ("waiting", "week", PEOPLE)
    ]
    paths = desk.rows(
        "SELECT path, count(*) FROM (SELECT visit_id, string_agg(to_step, ' ' ORDER BY number) AS path,"
        " array_agg(number ORDER BY number) = ARRAY[1, 2, 3, 4, 5] AS is_whole FROM activation.journey_moves GROUP BY 1)"
        " WHERE is_whole GROUP BY 1 ORDER BY 1"
    )
    assert [p for p, _ in paths] == ["pause split one crm week", "pause split two crm week"]
    assert sum(n for _, n in paths) == PEOPLE
    assert desk.rows("SELECT count(*), count(DISTINCT split_part(occasion, ':', 2)), channel FROM activation.sends GROUP BY 3 ORDER BY 3") == [
        (PEOPLE, PEOPLE, "email"), (PEOPLE, PEOPLE, "webhook"),
    ]  # fmt: skip
    assert desk.rows("SELECT count(*) FROM activation.sends WHERE state <> 'released'") == [(0,)]
    [(told,)] = desk.rows("SELECT sum(people) FROM activation.journey_ticks WHERE kind = 'move'")
    assert told == 2 * PEOPLE  # into the first wait, and this time: no tick is told twice


def test_a_tick_killed_again_and_again_moves_everybody_once(desk: Desk, warehouse_dsn: str) -> None:
    _ready(desk)
    draw, killed = random.Random(7), 0
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT / "tests")])}
    main = Path(__file__).with_name("tick_main.py")
    for _ in range(60):
        process = subprocess.Popen(
            [sys.executable, str(main), warehouse_dsn, str(MOST)],
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        process.stdin.write(KEYS + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0.0, 0.5))  # any moment of its work
        process.send_signal(signal.SIGKILL)
        is_done = "done" in process.stdout.read()
        process.wait()
        killed += not is_done
        if is_done:
            break
    desk.tick("trip", most=MOST)
    assert killed >= 3
    _check(desk)


def test_ticks_beside_each_other_move_everybody_once(desk: Desk, warehouse_dsn: str) -> None:
    _ready(desk)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with psycopg.connect(warehouse_dsn, autocommit=True) as conn:
                tick(conn, "trip", keys=RING, clock=desk.clock, most=MOST)
        except BaseException as error:  # noqa: BLE001  (told below)
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    _check(desk)
