"""A real mailbox by IMAP: its bounces are recorded once, its other mails are left alone, nothing is lost."""

from __future__ import annotations

import datetime as dt
import imaplib
import logging
import tracemalloc
from collections.abc import Iterator

import psycopg
import pytest

from bounce_mails import BOUNCES, MAILS, OTHERS, arf, dsn, fill_in
from conftest import free_port
from imap_server import PASSWORD, USER, ImapServer, Wire
from ledger_fixture import KEYS, NOW, Filled, HandClock
from marketflow.campaigns.delivery.limits_file import SoftBounces
from marketflow.campaigns.delivery.verp import envelope_sender
from marketflow.campaigns.reports import MailboxError, MailboxSummary, MailboxTarget, read_mailbox
from marketflow.campaigns.reports.imap import opened
from marketflow.campaigns.reports.proof import Finder
from marketflow.privacy import unsubscribe_token
from marketflow.warehouse import connect, use_role
from reports import handed_over, kinds, shut_out

COUNTED, UNCLEAR = "marketflow-counted", "marketflow-unclear"


@pytest.fixture(scope="module")
def running() -> Iterator[ImapServer]:
    with ImapServer() as server:
        yield server


@pytest.fixture
def server(running: ImapServer) -> ImapServer:
    """Empty."""
    with running.client() as client:
        for folder in (COUNTED, UNCLEAR, "R&APw-cklauf"):
            client.delete(f'"{folder}"')
        client.select("INBOX")
        client.store("1:*", "+FLAGS", r"(\Deleted)")
        client.expunge()
    return running


def mail(text: str, filled: Filled, n: int) -> bytes:
    return fill_in(
        text, verp=envelope_sender(KEYS, BOUNCES, filled.send_ids[n]), recipient=filled.addresses[n],
        message_id=filled.message_ids[n], link=f"https://edge.test/u/{unsubscribe_token(KEYS, filled.send_ids[n])}",
    )  # fmt: skip


def read(dsn: str, target: MailboxTarget, **options: int) -> MailboxSummary:
    with connect(dsn) as conn:
        use_role(conn, "sender")
        conn.commit()
        return read_mailbox(conn, target, Finder(KEYS, BOUNCES), HandClock(), soft=SoftBounces(), **options)


def test_all_kinds_of_mails_are_put_where_they_belong(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer
) -> None:
    mails, filled = [t for t, *_ in (*MAILS.values(), *OTHERS.values()) if t], handed_over(conn, 60)
    server.append([mail(text, filled, n) for n, text in enumerate(mails)])
    summary = read(warehouse_dsn, server.target())
    expected = [kind for _, kind, _ in MAILS.values()]
    assert summary.mails == len(mails)
    for kind in ("bounce_hard", "bounce_soft", "complaint", "delivered"):
        assert summary.tally.recorded[kind] == expected.count(kind) > 1
    assert summary.tally.about_us == expected.count("about_us")
    others = [sort for text, sort, _ in OTHERS.values() if text]
    assert server.count() == summary.sorts["other"] == others.count("other")
    assert server.count(UNCLEAR) == summary.sorts["unclear"] == others.count("unclear")
    assert server.count(COUNTED) == len(mails) - others.count("other") - others.count("unclear")
    assert sorted(shut_out(conn).values()) == ["complaint"] * expected.count("complaint") + [
        "hard_bounce"
    ] * expected.count("bounce_hard")
    with server.client() as client:  # people's mails are not marked as read
        client.select("INBOX")
        assert client.search(None, "SEEN")[1] == [b""]
    assert read(warehouse_dsn, server.target()).mails == 0
    assert summary.stuck == 0


def test_only_a_message_that_went_to_that_address_is_believed_without_a_proof(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer
) -> None:
    filled = handed_over(conn, 3)
    text = dsn(to="shop@example.com", returned="Message-ID: <$ID>\n")
    honest, forged = mail(text, filled, 0), mail(text.replace("$RCPT", filled.addresses[2]), filled, 1)
    made_up = mail(text, filled, 2).replace(filled.message_ids[2].encode(), b"ff" * 16 + b"@example.com")
    server.append([honest, forged, made_up])
    summary = read(warehouse_dsn, server.target())
    assert (summary.tally.unknown, summary.reasons["unknown_message"]) == (2, 2)
    assert shut_out(conn) == {filled.contact_ids[0]: "hard_bounce"}
    assert (server.count(COUNTED), server.count(UNCLEAR), server.count()) == (1, 2, 0)


def test_many_in_little_memory_and_each_once(conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer) -> None:
    filled = handed_over(conn, 400)
    mails = [mail(dsn(), filled, n) for n in range(400)]
    server.append([*mails, *mails, *mails])  # three mailboxes in one, or a loop
    assert read(warehouse_dsn, server.target(), most=450).mails == 450
    tracemalloc.start()
    summary = read(warehouse_dsn, server.target())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (summary.mails, summary.tally.repeated) == (750, 750)
    assert peak < 20 << 20
    assert set(kinds(conn).values()) == {1}
    assert len(shut_out(conn)) == 400
    assert (server.count(), server.count(COUNTED)) == (0, 1_200)


def test_mail_bombs_are_put_aside_and_do_not_stop_the_others(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer
) -> None:
    filled = handed_over(conn, 1)
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(100))
    many = b"Content-Type: multipart/report; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 500
    huge = mail(dsn(), filled, 0).replace(b"Hello", b"UEsDBAoAAAAA\r\n" * 100_000)  # a bounce with its attachment
    to = f"To: {envelope_sender(KEYS, BOUNCES, filled.send_ids[0])}\r\n".encode()
    server.append([to + deep, to + many, huge, b"Subject: x\r\n\r\n" + b"\xff\x00" * 100_000])
    tracemalloc.start()
    summary = read(warehouse_dsn, server.target())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 << 20
    assert dict(summary.sorts) == {"unclear": 2, "report": 1, "other": 1}
    assert shut_out(conn) == {filled.contact_ids[0]: "hard_bounce"}


@pytest.mark.parametrize(
    "cut", ["in the middle of a mail", "before the mails are moved", "before the position is written"]
)
def test_a_lost_connection_costs_nothing(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer, cut: str
) -> None:
    filled = handed_over(conn, 250)
    server.append([mail(dsn(), filled, n) for n in range(250)])
    how = {
        "in the middle of a mail": Wire(server.port, cut_after=200_000),
        "before the mails are moved": Wire(server.port, cut_at=b" MOVE "),
        "before the position is written": Wire(server.port, cut_at=b"CREATE"),
    }[cut]
    with (
        how as wire,
        pytest.raises(MailboxError, match=r"the connection to the mailbox of 'bounces' was lost .*goes on"),
    ):
        read(warehouse_dsn, server.target(port=wire.port))
    assert sum(kinds(conn).values()) == 100
    summary = read(warehouse_dsn, server.target())
    assert summary.mails in (150, 250)
    assert set(kinds(conn).values()) == {1}
    assert len(shut_out(conn)) == 250
    assert (server.count(), server.count(COUNTED)) == (0, 250)


def test_a_server_that_cannot_move_copies_and_one_that_numbers_anew_is_read_anew(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer
) -> None:
    filled = handed_over(conn, 3)
    server.append([mail(dsn(), filled, 0), mail(arf(), filled, 1)])
    with Wire(server.port, replace={b" MOVE": b" XOVE"}) as wire:
        assert read(warehouse_dsn, server.target(port=wire.port)).sorts["report"] == 2
    assert (server.count(), server.count(COUNTED)) == (0, 2)
    server.append([mail(dsn(), filled, 2)])
    with Wire(server.port, replace={b" UIDPLUS MOVE": b" XIDPLUS XOVE"}) as wire:  # what is deleted stays, marked
        assert read(warehouse_dsn, server.target(port=wire.port)).sorts["report"] == 1
        assert (server.count(), server.count(COUNTED)) == (1, 3)
        assert read(warehouse_dsn, server.target(port=wire.port)).mails == 0
    conn.execute("UPDATE activation.mailbox_positions SET uid_validity = 1")
    conn.commit()
    summary = read(warehouse_dsn, server.target())
    assert (summary.mails, summary.tally.repeated) == (1, 1)


def old(days: int = 40) -> str:
    """When a mail came, as IMAP writes it."""
    return imaplib.Time2Internaldate(dt.datetime.now(dt.UTC) - dt.timedelta(days=days))


def test_counted_mails_are_deleted_when_they_are_old(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer
) -> None:
    filled = handed_over(conn, 4)
    with server.client() as client:
        client.append("INBOX", "", old(), mail(dsn(), filled, 0))
        client.append("INBOX", "", old(), mail("From: x\nTo: $VERP\n\nHello\n", filled, 1))
    server.append([mail(dsn(), filled, 2)])
    assert read(warehouse_dsn, server.target(keep_days=0)).deleted == 0
    assert server.count(COUNTED) == 2
    assert read(warehouse_dsn, server.target(keep_days=30)).deleted == 1
    assert (server.count(COUNTED), server.count(UNCLEAR)) == (1, 1)  # what was not understood stays


def test_only_what_was_moved_there_is_deleted(conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer) -> None:
    """The folder may be a person's archive."""
    filled = handed_over(conn, 2)
    with server.client() as client:
        client.create(COUNTED)
        client.append(COUNTED, r"(\Seen)", old(), b"Subject: a contract\r\n\r\nDo not lose it.\r\n")
        client.append(COUNTED, "", old(), mail(dsn(), filled, 0))
        client.append("INBOX", "", old(), mail(dsn(), filled, 1))
    assert read(warehouse_dsn, server.target()).deleted == 1
    assert server.count(COUNTED) == 2
    assert read(warehouse_dsn, server.target()).deleted == 0


def test_a_server_that_keeps_no_marks_deletes_nothing(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer
) -> None:
    filled = handed_over(conn, 1)
    with server.client() as client:
        client.append("INBOX", "", old(), mail(dsn(), filled, 0))
    with Wire(server.port, replace={rb"(\* ": b"("}) as wire:
        summary = read(warehouse_dsn, server.target(port=wire.port))
    assert (summary.deleted, summary.keeps_marks, summary.stuck) == (0, False, 0)
    assert (server.count(), server.count(COUNTED)) == (0, 1)


def test_thousands_are_deleted_in_lines_that_a_server_takes(warehouse_dsn: str, server: ImapServer) -> None:
    """RFC 7162, 4: 8,192 octets. Every second mail is a person's, so no two numbers are neighbours."""
    count, ours = 1_900, f"($MarketflowCounted) {old()}".encode()
    with server.client() as client:
        client.create(COUNTED)
    server.append([b"Subject: x\r\n\r\nx\r\n"] * 2 * count, COUNTED, [ours, f"() {old()}".encode()])
    assert server.count(COUNTED) == 2 * count
    with Wire(server.port, longest_line=8_192) as wire:
        assert read(warehouse_dsn, server.target(port=wire.port)).deleted == count
    assert server.count(COUNTED) == count


def test_a_folder_of_its_own_with_a_name_in_any_language(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer
) -> None:
    filled = handed_over(conn, 1)
    with server.client() as client:
        client.create('"R&APw-cklauf"')
    server.append([mail(dsn(), filled, 0)], '"R&APw-cklauf"')
    assert (
        read(warehouse_dsn, server.target(folder="Rücklauf", counted_folder='gezählt & "fertig"')).sorts["report"] == 1
    )
    assert server.count('"R&APw-cklauf"') == 0
    rows = conn.execute("SELECT mailbox, read_at FROM activation.mailbox_positions").fetchall()
    assert rows == [("bounces/Rücklauf", NOW)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"port": 1}, r"'bounces' cannot be reached \(Connection refused\): check its host"),
        ({"host": "no-such-host.invalid"}, r"'bounces' cannot be reached \(there is no host of that name\)"),
        (
            {"password": "wrong-secret"},
            "refuses the login of the Airflow connection 'bounces': check its login and password",
        ),
        ({"password": "é" * 9}, "refuses the login"),
        ({"folder": "Nowhere"}, "has no folder 'Nowhere' that can be opened: give its name as `folder`"),
        (
            {"security": "tls", "timeout": 3.0},
            r"'bounces' cannot be reached \(.*\): check its host, its port and `use_ssl`",
        ),
        ({"security": "starttls", "timeout": 3.0}, r"'bounces' cannot be reached"),
    ],
    ids=str,
)
def test_no_access_is_told_with_the_remedy_and_without_the_secret(
    warehouse_dsn: str, server: ImapServer, changes: dict[str, object], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {**changes, "port": free_port()} if changes.get("port") == 1 else changes
    target = server.target(**changes)
    with caplog.at_level(logging.DEBUG), pytest.raises(MailboxError, match=words) as error:
        read(warehouse_dsn, target)
    said = str(error.value) + repr(target) + caplog.text + str(error.value.__cause__)
    assert PASSWORD not in said
    assert USER not in said
    assert "wrong-secret" not in said


def test_somebody_who_reads_the_mailbox_meanwhile_takes_mails_away(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer
) -> None:
    filled = handed_over(conn, 3)
    server.append([mail(dsn(), filled, n) for n in range(3)])
    with server.client() as client:
        client.select("INBOX")
        client.store("2", "+FLAGS", r"(\Deleted)")
        client.expunge()
    assert read(warehouse_dsn, server.target()).mails == 2


def uids(server: ImapServer) -> list[int]:
    with server.client() as client:
        client.select("INBOX")
        return [int(n) for n in client.uid("SEARCH", "ALL")[1][0].split()]


def test_a_mail_that_the_server_leaves_out_is_asked_for_once_more(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer
) -> None:
    filled = handed_over(conn, 4)
    server.append([mail(dsn(), filled, n) for n in range(4)])
    third = uids(server)[2]
    with Wire(server.port, replace_once={b"UID %d " % third: b"XID %d " % third}) as wire:
        summary = read(warehouse_dsn, server.target(port=wire.port))
    assert (summary.mails, summary.tally.recorded["bounce_hard"], dict(summary.sorts)) == (4, 4, {"report": 4})


@pytest.mark.parametrize("how", ["left out", "refused"])
def test_a_mail_that_the_server_never_gives_is_counted_and_put_aside(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer, how: str
) -> None:
    filled = handed_over(conn, 4)
    server.append([mail(dsn(), filled, n) for n in range(4)])
    third = uids(server)[2]
    replace = {b"UID %d " % third: b"XID %d " % third}
    once = {b" OK UID FETCH completed": b" NO [SERVERBUG] not today"} if how == "refused" else {}
    with Wire(server.port, replace=replace, replace_once=once) as wire:
        summary = read(warehouse_dsn, server.target(port=wire.port))
    assert (summary.mails, dict(summary.sorts)) == (4, {"report": 3, "unclear": 1})
    assert (summary.reasons["not_given"], summary.stuck) == (1, 0)
    assert (server.count(), server.count(COUNTED), server.count(UNCLEAR)) == (0, 3, 1)


def test_a_server_that_gives_no_mail_at_all_is_asked_the_next_time(
    conn: psycopg.Connection, warehouse_dsn: str, server: ImapServer
) -> None:
    filled = handed_over(conn, 2)
    server.append([mail(dsn(), filled, n) for n in range(2)])
    refuses = {b" OK UID FETCH completed": b" NO [SERVERBUG] not today", b"(UID": b"(XID"}
    with Wire(server.port, replace=refuses) as wire, pytest.raises(MailboxError, match="refuses FETCH; the next run"):
        read(warehouse_dsn, server.target(port=wire.port))
    assert server.count() == 2
    assert read(warehouse_dsn, server.target()).sorts == {"report": 2}


def test_a_mail_that_goes_between_two_commands_is_no_error(server: ImapServer) -> None:
    server.append([b"Subject: x\r\n\r\nx\r\n"] * 3)
    second = uids(server)[1]
    leaves_out = {b"UID %d " % second: b"XID %d " % second}
    with Wire(server.port, replace=leaves_out) as wire, opened(server.target(port=wire.port)) as box:
        [numbers] = [n for n in box.numbers(0) if n]
        assert second in numbers
        with server.client() as client:
            client.select("INBOX")
            client.store("2", "+FLAGS", r"(\Deleted)")
            client.expunge()
        mails, withheld = box.fetch(numbers)
    assert (sorted(mails), withheld) == ([numbers[0], numbers[2]], [])
