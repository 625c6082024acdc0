"""The caught mails on disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from marketflow.embedded.maildir import Inbox, body, header, parse


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    made = Inbox(home=tmp_path)
    made.prepare()
    return made


def test_an_envelope_cannot_begin_another_header(inbox: Inbox) -> None:
    one = inbox.add(b"Subject: x\r\n\r\nx", "a\r\nX-Evil: 1", ["b\nX-Evil: 1@example.com", "c\r@example.com"])
    assert not re.search(rb"^X-Evil", inbox.raw(one), re.MULTILINE)


def test_an_internationalised_address_is_kept(inbox: Inbox) -> None:
    one = inbox.add(b"Subject: x\r\n\r\nx", "shop@example.com", ["grüße@example.com"])
    assert "X-Envelope-To: grüße@example.com" in inbox.raw(one).decode()


def test_ids_grow_with_time_and_name_files(inbox: Inbox) -> None:
    made = [inbox.add(b"\r\n", "a", ["b"]) for _ in range(5)]
    assert inbox.ids() == made[::-1]
    assert {f.name for f in (inbox.home / "new").iterdir()} == set(made)


@pytest.mark.parametrize("name", ["", ".", "..", "../secrets/key_ring.json", "/etc/passwd", "x\x00"])
def test_only_a_mail_is_read(inbox: Inbox, name: str) -> None:
    with pytest.raises(KeyError):
        inbox.raw(name)


def test_a_mail_that_a_reader_moved_to_cur_is_still_there(inbox: Inbox) -> None:
    one = inbox.add(b"Subject: moved\r\n\r\nx", "a", ["b"])
    (inbox.home / "new" / one).rename(inbox.home / "cur" / one)
    assert inbox.ids() == [one]
    assert inbox.summary(one).subject == "moved"


def test_headers_and_bodies_are_decoded() -> None:
    mail = parse(
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/html; charset=latin-1\r\n\r\n<b>\xe9</b>".encode(
            "latin-1"
        )
    )
    assert header(mail, "Subject") == "Grüße"
    assert body(mail, "html") == "<b>é</b>"
    assert body(mail, "plain") is None
