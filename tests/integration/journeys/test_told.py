"""A step that tells another system: what is posted, of whom, and of whom not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from campaign_shop import RING
from journey_desk import Desk
from ledger_fixture import options
from marketflow.campaigns import ContactPolicy
from marketflow.campaigns.delivery import DeliverySummary, WebhookChannel, WebhookTarget, deliver
from marketflow.warehouse import connect

STEPS = 'steps:\n  crm: {webhook: {account: crm_hook, text: "reached {{ the }} end"}}\n  week: {wait: {for: 7 days}}\n'


@pytest.fixture
def hook() -> Iterator[Any]:
    """A server that keeps what it is posted."""

    class Hook(BaseHTTPRequestHandler):
        taken: ClassVar[list[dict[str, Any]]] = []

        def do_POST(self) -> None:
            self.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    Hook.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield Hook
    server.shutdown()
    thread.join()
    server.server_close()


def post(desk: Desk, dsn: str, hook: Any) -> DeliverySummary:
    """A run of the channel's delivery."""
    accounts: list[str] = []

    def resolve(account: str) -> WebhookTarget:
        accounts.append(account)
        return WebhookTarget(url=hook.url)

    found = deliver(
        lambda: connect(dsn, role="sender"), WebhookChannel(resolve), keys=RING, clock=desk.clock, options=options()
    )  # fmt: skip
    assert set(accounts) <= {"crm_hook"}
    return found


def test_the_other_system_is_posted_the_visit_and_the_customers_number(
    desk: Desk, warehouse_dsn: str, hook: Any
) -> None:
    journey = desk.journey(STEPS)
    [ada] = desk.people(1)
    desk.enrol(journey)
    assert desk.tick(journey).counts == {"told": 1}
    assert post(desk, warehouse_dsn, hook).sent == 1
    [(visit, key)] = desk.rows(
        "SELECT visit_id, message_id FROM activation.journey_visits JOIN activation.sends USING (customer_id)"
    )
    assert hook.taken == [
        {
            "campaign": "trip", "occasion": f"visit:{visit}:2:customer:{ada}", "text": "reached (( the )) end\n",
            "idempotency_key": key,
        }
    ]  # fmt: skip


@pytest.mark.parametrize("merged", [False, True])
def test_of_who_was_erased_since_nothing_leaves_the_shop(
    desk: Desk, warehouse_dsn: str, hook: Any, *, merged: bool
) -> None:
    journey = desk.journey(STEPS)
    [ada, bo, cy] = desk.people(3)
    desk.conn.execute("DELETE FROM marts.customer_360 WHERE customer_id = %s", [cy])
    desk.enrol(journey)
    assert desk.tick(journey).counts == {"told": 2}
    gone = cy if merged else ada
    if merged:
        desk.conn.execute("UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [cy, ada])
    desk.conn.execute("UPDATE core.customers SET is_deleted = true WHERE customer_id = %s", [gone])
    done = post(desk, warehouse_dsn, hook)
    assert (done.sent, done.skipped) == (1, 1)
    assert dict(desk.rows("SELECT customer_id, coalesce(reason, state) FROM activation.sends")) == {
        ada: "customer_gone",
        bo: "sent",
    }
    assert [t["occasion"].rsplit(":", 1)[1] for t in hook.taken] == [str(bo)]


def test_who_is_held_out_of_marketing_is_nobodys_business(desk: Desk) -> None:
    desk.policy = ContactPolicy.model_validate({"holdout": {"share": 0.5, "salt": "trip"}})
    journey = desk.journey(STEPS)
    desk.people(40)
    desk.enrol(journey)
    counts = desk.tick(journey).counts
    assert counts["told"] + counts["refused: holdout"] == 40
    assert counts["told"] > 0 < counts["refused: holdout"]
    assert desk.rows(
        "SELECT count(*), count(*) FILTER (WHERE activation.draw('trip', customer_id) < 0.5) FROM activation.sends"
    ) == [(counts["told"], 0)]
    assert {step for _, step in desk.where().values()} == {"week"}
