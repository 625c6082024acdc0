"""What cannot be written: alone it is given up; when it is everything, the fault is ours and nobody pays for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_fixture import DEFINITION, KEYS, Connect, HandClock, by_state, fill, mail, options, row, states
from marketflow.campaigns.content import Renderer
from marketflow.campaigns.delivery import Channel, DeliverySummary, SmtpChannel, SmtpTarget, deliver
from marketflow.campaigns.delivery.prepare import RendererFactory
from marketflow.privacy import EMAIL, KeyRing, generate_key_ring
from marketflow.shared import Settings
from marketflow.warehouse import connect
from smtp_server import SmtpServer

_NEW = KeyRing.from_json(generate_key_ring()).encryption[1]
WITHOUT_THE_OLD = KeyRing(encryption={2: _NEW}, hashing=KEYS.hashing, signing=KEYS.signing)
BOTH = KeyRing(encryption={**KEYS.encryption, 2: _NEW}, hashing=KEYS.hashing, signing=KEYS.signing)
ANOTHERS = KeyRing(encryption={1: _NEW}, hashing=KEYS.hashing, signing=KEYS.signing)


@pytest.fixture
def opening(warehouse_dsn: str) -> Connect:
    return lambda: connect(warehouse_dsn)


def run(
    opening: Connect,
    channel: Channel,
    clock: HandClock | None = None,
    keys: KeyRing = KEYS,
    renderer: RendererFactory | None = None,
    **changes: Any,
) -> DeliverySummary:
    return deliver(
        opening, channel, keys=keys, clock=clock or HandClock(), options=options(**changes), renderer=renderer
    )


@pytest.mark.parametrize("window", [1, 8, 32])
@pytest.mark.parametrize(("keys", "reason"), [(WITHOUT_THE_OLD, "key_missing"), (ANOTHERS, "decrypt_error")])
def test_a_worker_without_the_key_gives_nobody_up_and_stops(
    conn: psycopg.Connection, opening: Connect, keys: KeyRing, reason: str, window: int
) -> None:
    filled, clock = fill(conn, 60), HandClock()
    fill(conn, 20, campaign="win_back")
    summary = run(opening, mail(), clock, keys, window=window)
    assert (summary.sent, summary.failed, summary.stopped) == (0, 0, "cannot_write")
    tried = max(3, window)
    assert states(conn) == {("deferred", reason): tried, ("deferred", "cannot_write"): 80 - tried}
    assert row(conn, filled.send_ids[59])["attempts"] == 0
    clock.pass_time(minutes=2)
    assert run(opening, mail(), clock).sent == 80


def test_a_worker_that_lacks_an_old_key_writes_what_it_can_and_gives_nobody_up(
    conn: psycopg.Connection, opening: Connect
) -> None:
    filled, clock, channel = fill(conn, 20, names=[None] * 20), HandClock(), mail()
    for contact_id, address in list(zip(filled.contact_ids, filled.addresses, strict=True))[::2]:
        sealed = WITHOUT_THE_OLD.encrypt(address, EMAIL)
        conn.execute("UPDATE core.contact_points SET address = %s WHERE contact_point_id = %s", [sealed, contact_id])
    conn.commit()
    assert run(opening, channel, clock, WITHOUT_THE_OLD).reasons == {"key_missing": 10}
    assert states(conn) == {("sent", None): 10, ("deferred", "key_missing"): 10}
    clock.pass_time(minutes=2)
    assert run(opening, channel, clock, BOTH).sent == 10
    assert sorted(m.send_id for m in channel.messages) == filled.send_ids


@pytest.mark.parametrize("window", [1, 8])
def test_a_plan_that_new_code_refuses_waits_and_holds_up_nobody(
    conn: psycopg.Connection, opening: Connect, caplog: pytest.LogCaptureFixture, window: int
) -> None:
    filled, clock, asked = fill(conn, 60), HandClock(), list[str]()
    others = fill(conn, 20, campaign="win_back", priority=200)

    def picky(definition: Mapping[str, Any]) -> Renderer:
        asked.append(definition["campaign"]["name"])
        if definition["campaign"]["name"] == "thank_you":
            raise ValueError("no such field: subject_override")
        return Renderer(definition)

    caplog.set_level("WARNING", logger="marketflow")
    summary = run(opening, mail(), clock, renderer=picky, window=window, batch=30)
    assert (summary.sent, summary.failed, summary.stopped) == (20, 0, None)
    assert summary.reasons == {"render_error": 60}
    assert Counter(asked) == {"thank_you": 1, "win_back": 1}, "a plan is loaded once, also one that cannot be used"
    assert {row(conn, i)["state"] for i in others.send_ids} == {"sent"}
    assert [row(conn, i)["attempts"] for i in filled.send_ids[30:]] == [0] * 30
    assert f"plan {filled.plan_id} of campaign thank_you cannot be written" in caplog.text
    clock.pass_time(hours=1)
    assert run(opening, mail(), clock).sent == 60


@pytest.mark.parametrize("window", [1, 8, 32])
def test_a_template_that_breaks_for_one_after_the_other_gives_two_up_at_most(
    conn: psycopg.Connection, opening: Connect, window: int
) -> None:
    templates = {**DEFINITION["templates"], "text": "{% if given_name != 'Ada' %}{{ 1 // 0 }}{% endif %}Hello"}
    names: list[str | None] = [*["Ada"] * 5, *["Eve"] * 55]
    fill(conn, 60, names=names, definition={**DEFINITION, "templates": templates})
    summary = run(opening, mail(), window=window)
    assert summary.sent == 5
    assert summary.failed <= 2
    assert by_state(conn) == +Counter(sent=5, failed=summary.failed, deferred=55 - summary.failed)


def test_a_setting_that_no_header_can_hold_gives_nobody_up_and_leaves_nothing_unknown(
    conn: psycopg.Connection, opening: Connect, tmp_path: Path
) -> None:
    filled, clock = fill(conn, 40), HandClock()
    with SmtpServer(tmp_path / "taken.jsonl") as server:

        def smtp() -> SmtpChannel:
            target = SmtpTarget(host="127.0.0.1", port=server.port)
            return SmtpChannel(target, sender="Shop <shop@example.com>", timeout=5)

        summary = run(opening, smtp(), clock, edge_url="https://bücher.example")
        assert (summary.sent, summary.unknown, summary.failed, summary.stopped) == (0, 0, 0, "cannot_write")
        assert states(conn) == {("deferred", "unwritable"): 8, ("deferred", "cannot_write"): 32}
        clock.pass_time(minutes=2)
        assert run(opening, smtp(), clock).sent == 40
        assert Counter(server.recipients) == dict.fromkeys(filled.addresses, 1)


@pytest.mark.parametrize(
    "wrong",
    [{"edge_url": "https://bücher.example"}, {"edge_url": "edge.test"}, {"mail_domain": "bücher.example"}],
)
def test_such_a_setting_is_refused_at_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)  # type: ignore[arg-type]
    assert Settings(edge_url="https://xn--bcher-kva.example/m", mail_domain="xn--bcher-kva.example")
