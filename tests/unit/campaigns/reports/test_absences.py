"""Answers of people who are away come to the same address as bounces: no number in their words shuts anybody out."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bounce_mails import BOUNCES
from campaign_shop import RING
from marketflow.campaigns.delivery.verp import envelope_sender
from marketflow.campaigns.reports.proof import Finder
from marketflow.campaigns.reports.reading import Reading, read_mail

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
VERP = envelope_sender(RING, BOUNCES, 4711)
FINDER = Finder(RING, BOUNCES)
# made up; with what looks like codes: telephones, days, rooms, houses, versions
WORDS = {
    "telephone": "I am out of the office. In urgent cases call 415-555-0100 or 555 0100.",
    "telephone on a line": "Away until Monday.\n415 555 0100\n(450) 555-0100\n",
    "German day": "Ich bin bis 5.1.26 nicht erreichbar. Ab 4.5.26 bin ich wieder da, Zimmer 5.1.1.",
    "English day": "Currently unavailable, back on 2.1.25. My room is 550 until then, mail to it is invalid.",
    "an address": "I am currently unavailable.\n\nOffice: 550 Main Street\nAda, Test Ltd.",
    "an address on a line": "The mailbox is not found often.\n\nTest Ltd.\n550 Main Street\n451 Second Street\n",
    "French": "Absente jusqu'au 5.2.1. Urgence : 450 12 34 56, bureau 5.1.1, utilisateur inconnu.",
    "Spanish": "Estoy fuera hasta el 4.2.26. Oficina 550 - Calle Mayor. No disponible (unavailable).",
    "Italian": "Non disponibile fino al 5.1.26; ufficio 551 Via Roma; errore mio.",
    "Dutch": "Afwezig t/m 5.1.26, tel. 553 - 1234, kamer 5.1.1",
    "Polish": "Nieobecna do 5.1.26. Pokój 550 jest niedostępny (unavailable).",
    "Turkish": "5.1.26 tarihine kadar yokum. Oda 550 numara, unavailable",
    "Chinese": "您好, 我在休假至 5.1.26, 房间 550 号不存在, 电话 450 5555。",
    "Japanese": "休暇中です。5.1.26 まで。内線 550 不存在",
    "a version": "My robot 4.1.1 answers for me, user unknown 5.1.1 to you.",
}  # fmt: skip
HEADS = {
    "the standard's": "Auto-Submitted: auto-replied\n",
    "the standard's, with words": "Auto-Submitted: auto-replied (vacation)\n",
    "generated": "Auto-Submitted: auto-generated\n",
    "Outlook's": "X-Auto-Response-Suppress: All\n",
    "older": "X-Autoreply: yes\n",
    "another's": "X-Autorespond: Thank you\n",
    "precedence": "Precedence: auto_reply\n",
}


def absence(words: str, head: str, sender: str = "Ada <somebody@example.org>") -> bytes:
    return (
        f"Return-Path: <>\nDelivered-To: {VERP}\nFrom: {sender}\nTo: {VERP}\nSubject: Re: Thank you\n{head}"
        f"Content-Type: text/plain; charset=utf-8\n\n{words}\n"
    ).encode("utf-8", "replace")


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_an_answer_that_says_that_it_is_automatic_changes_nothing(words: str, head: str) -> None:
    assert read_mail(absence(words, head), FINDER, NOW) == Reading("nothing", "automatic")


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_an_answer_that_does_not_say_so_is_for_a_person_to_look_at(words: str) -> None:
    assert read_mail(absence(words, ""), FINDER, NOW) == Reading("unclear", "no_report")


@given(
    st.lists(st.one_of(st.sampled_from([
        "550", "5.1.1", "user unknown", "no such user", "\n", " ", "-", "SMTP error:", "said: ", "(#5.1.1)", "<<<", "550 5.1.1", "code: ",
        "does not exist", "invalid", "不存在", "RCPT TO:", "(reason: 550 5.1.1 User unknown)", "status: 5.1.1",
    ]), st.text(max_size=8)), max_size=20).map(" ".join),
    st.sampled_from(["", *HEADS.values(), "X-Failed-Recipients: somebody@example.org\n", "Auto-Submitted: no\n"]),
)  # fmt: skip
@example("SMTP error: 550 5.1.1 user unknown", "")
@example("SMTP error: 550 user unknown", "X-Failed-Recipients: somebody@example.org\n")
def test_no_words_are_a_hard_bounce_unless_a_mail_daemon_says_them(words: str, head: str) -> None:
    assert read_mail(absence(words, head), FINDER, NOW).why != "bounce_hard"


def test_the_same_words_of_a_daemon_are_one() -> None:
    for words in ("SMTP error: 550 5.1.1 user unknown", "550 user unknown", "(#5.1.1)"):
        daemon = absence(words, "Auto-Submitted: auto-replied\n", "MAILER-DAEMON@mx.example.org")
        assert read_mail(daemon, FINDER, NOW).why == "bounce_hard"
