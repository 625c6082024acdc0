"""The whole way on a running stack: files in, segments and rules, mails out, unsubscribed, not written to again."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import re
import subprocess
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

import small_shop
from marketflow.embedded import environment
from marketflow.embedded.airflow_api import AirflowApi
from marketflow.embedded.postgres import binaries
from small_shop import LAST_DAY, NAMES, SURNAMES, order, write_csv

pytestmark = pytest.mark.timeout(600)


def read(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.fixture(scope="module")
def loaded(stack):
    """The small shop's files have gone through all DAGs."""
    for record in ("products", "customers", "behaviour", "orders"):
        stack.admin.trigger(f"ingest_{record}")
    # the post needs less than the mail, and may be out long before it
    thanks = "SELECT 1 FROM activation.sends WHERE campaign = 'thank_you' AND state = 'sent'"
    stack.until(lambda: stack.query(thanks), "the first mail", 240)
    stack.calm()
    return stack


def test_everybody_who_ordered_and_consented_gets_one_mail(loaded) -> None:
    expected = loaded.query(
        "SELECT count(DISTINCT c.customer_id) FROM core.orders o JOIN marts.customer_360 c USING (customer_id)"
        " WHERE o.ordered_on = %s AND c.email_consent",
        LAST_DAY,
    )[0][0]
    sent = loaded.query("SELECT count(*) FROM activation.sends WHERE campaign = 'thank_you' AND state = 'sent'")[0][0]
    mails = [m for m in map(read, loaded.mails()) if "thank" in str(m["List-Id"])]
    assert expected > 5
    assert sent == expected == len(mails) == len({m["To"] for m in mails})
    wrong = [r for r in loaded.admin.runs() if r["state"] != "success"]
    assert [(r["dag_id"], loaded.admin.tasks(r["dag_id"], r["dag_run_id"])) for r in wrong] == []


def test_a_mail_is_what_it_should_be(loaded) -> None:
    mail = read(loaded.mails()[0])
    assert mail.get_content_type() == "multipart/alternative"
    assert [p.get_content_type() for p in mail.iter_parts()] == ["text/plain", "text/html"]
    stored = loaded.query("SELECT count(*) FROM activation.sends WHERE message_id = %s", mail["Message-ID"].strip("<>"))
    assert stored == [(1,)]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"<http\S+/u/\S+>", mail["List-Unsubscribe"])


def test_the_same_day_again_reaches_nobody_twice(loaded) -> None:
    before = len(loaded.mails())
    _, state = loaded.finish("thank_you", {"dry_run": False})
    loaded.calm()
    assert state == "success"
    assert len(loaded.mails()) == before


def test_win_back_is_a_dry_run_by_default(loaded) -> None:
    before = len(loaded.mails())
    loaded.finish("win_back")
    plan = loaded.query(
        "SELECT is_dry_run, planned, jsonb_array_length(samples) FROM activation.plans"
        " WHERE campaign = 'win_back' ORDER BY plan_id DESC LIMIT 1"
    )[0]
    assert plan[0] is True
    assert plan[1] > 0
    assert plan[2] == min(3, plan[1])
    assert loaded.query("SELECT count(*) FROM activation.sends WHERE campaign = 'win_back'") == [(0,)]
    assert len(loaded.mails()) == before


def answered(loaded, who: AirflowApi, form: dict[str, Any], answer: str) -> list[dict[str, Any]]:
    """Run win_back, give the answer when it asks, wait for the run's end; the questions."""
    run_id = who.trigger("win_back", form)
    asked: list[dict[str, Any]] = []

    def over() -> bool:
        asked.extend(who.answer("win_back", run_id, answer))
        return who.run("win_back", run_id)["state"] in ("success", "failed")

    loaded.until(over, f"{answer} is asked for and heard")
    return asked


def test_a_marketer_says_no_then_yes(loaded) -> None:
    config = loaded.config
    with AirflowApi(config.airflow_url, "marketer", config.airflow_password("marketer")) as marketer:
        for occasion, answer in (("first try", "Reject"), ("second try", "Approve")):
            before = len(loaded.mails())
            form = {"dry_run": False, "occasion": occasion, "subject": "We miss you!"}
            asked = answered(loaded, marketer, form, answer)
            assert "We miss you!" in asked[0]["body"]
            assert not any(name in asked[0]["body"] for name in NAMES + SURNAMES)
            loaded.calm()
            rows = loaded.query(
                "SELECT state, count(*) FROM activation.sends WHERE campaign = 'win_back' AND occasion = %s GROUP BY 1",
                occasion,
            )
            if answer == "Reject":
                assert [state for state, _ in rows] == ["cancelled"]
                assert len(loaded.mails()) == before
            else:
                assert rows == [("sent", len(loaded.mails()) - before)]
            state = loaded.query("SELECT state, decided_by FROM activation.plans WHERE occasion = %s", occasion)
            assert state == [("rejected" if answer == "Reject" else "released", "marketer")]


def test_the_switch_of_a_campaign_reaches_the_senders(loaded) -> None:
    for paused in (True, False):
        loaded.admin.call("PATCH", "dags/win_back", json={"is_paused": paused})
        found = loaded.query("SELECT is_paused FROM activation.campaign_states WHERE campaign = 'win_back'")
        assert found == [(paused,)]


def test_a_corrected_file_for_an_old_day_sends_nothing(loaded) -> None:
    day = LAST_DAY - dt.timedelta(days=20)
    before = len(loaded.mails())
    rows = order("late-1", 3, day, ("1", "2")) + order("late-2", 4, day, ("5",))
    write_csv(loaded.home / "landing/orders" / f"{day}-corrected.csv", small_shop.ORDER_HEADER, rows)
    loaded.finish("ingest_orders")
    loaded.until(lambda: loaded.query("SELECT 1 FROM core.orders WHERE external_id = 'late-1'"), "the late order")
    loaded.calm()
    loaded.finish("thank_you", {"dry_run": False, "business_date": day.isoformat()})
    loaded.calm()
    assert len(loaded.mails()) == before
    refused = loaded.query("SELECT state, reason FROM activation.plans WHERE business_date = %s", day)
    assert [state for state, _ in refused] == ["refused"]


def test_who_unsubscribes_is_not_written_to_again(loaded) -> None:
    mail = read(loaded.mails()[0])
    link = mail["List-Unsubscribe"].strip("<>")
    rows = "SELECT count(*) FROM privacy.consent_events WHERE send_id IS NOT NULL"
    assert httpx.get(link).status_code == 200
    assert loaded.query(rows) == [(0,)]
    assert httpx.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert loaded.query(rows) == [(1,)]
    third = {"dry_run": False, "approval": False, "occasion": "third try"}
    assert answered(loaded, loaded.admin, third, "Approve"), "campaign.yaml asks for it, whatever the form says"
    loaded.finish("thank_you", third)
    loaded.calm()
    again = [m for m in map(read, loaded.mails()) if m["To"] == mail["To"]]
    assert len(again) == len([m for m in again if m["Message-ID"]])
    written = loaded.query(
        "SELECT count(*) FROM activation.sends s JOIN activation.sends f USING (contact_point_id)"
        " WHERE f.message_id = %s AND s.occasion = 'third try' AND s.state = 'sent'",
        mail["Message-ID"].strip("<>"),
    )
    assert written == [(0,)]


def test_the_analyst_reads_marts_and_nothing_personal(loaded) -> None:
    import psycopg

    with psycopg.connect(loaded.config.dsn("analyst"), autocommit=True) as conn:
        assert conn.execute("SELECT count(*) FROM marts.customer_360").fetchone()[0] == small_shop.CUSTOMERS
        for table in ("core.contact_points", "core.customers", "raw.customers", "activation.sends", "privacy.consents"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(f"SELECT * FROM {table}")
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            conn.execute("CREATE TABLE marts.mine (x int)")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(loaded.config.dsn("analyst").replace("/warehouse", "/airflow"))


def test_no_name_and_no_address_leaks(loaded) -> None:
    """Dumps of both databases and all logs, searched for every name and address in clear."""
    texts = {f"dump of {db}": dump(loaded, db) for db in ("warehouse", "airflow")}
    texts |= {str(f): f.read_bytes() for f in loaded.home.rglob("*.log")}
    assert len(texts) > 10
    secret = [n.encode().lower() for n in NAMES + SURNAMES] + [b"@mail.example.com"]
    leaks = [(where, word) for where, text in texts.items() for word in secret if word in text.lower()]
    assert leaks == []


def dump(stack, database: str) -> bytes:
    server = environment.server(stack.config)
    done = subprocess.run([str(binaries() / "pg_dump"), server.dsn(database)], capture_output=True, check=True)
    assert len(done.stdout) > 10_000
    return done.stdout
