"""Mails are named in lines that every server takes, and exactly those that were asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.campaigns.reports import MailboxTarget
from marketflow.campaigns.reports.imap_words import LONGEST, sequences
from marketflow.shared import ConfigurationError


def named(text: str) -> list[int]:
    """As a server reads a sequence set."""
    ends = [[int(n) for n in part.split(":")] for part in text.split(",")]
    return [n for first, *last in ends for n in range(first, (last or [first])[0] + 1)]


@given(st.sets(st.integers(1, 2**32 - 1) | st.integers(1, 500), max_size=2_000))
def test_all_are_named_and_no_other(uids: set[int]) -> None:
    lines = list(sequences(sorted(uids)))
    assert [n for line in lines for n in named(line)] == sorted(uids)
    assert all(0 < len(line) <= LONGEST for line in lines)


def test_a_hundred_thousand_mails() -> None:
    assert list(sequences(range(1, 100_001))) == ["1:100000"]
    lines = list(sequences(range(4_000_000_000, 4_000_200_000, 2)))  # no two are neighbours
    assert 180 < len(lines) < 200
    assert max(map(len, lines)) <= LONGEST
    assert sum(line.count(",") + 1 for line in lines) == 100_000


@pytest.mark.parametrize(
    "folders",
    [
        {"counted_folder": "INBOX"}, {"counted_folder": "inbox"}, {"unclear_folder": "Inbox/"}, {"unclear_folder": " INBOX"},
        {"folder": "Returns", "counted_folder": "Returns"}, {"folder": "marketflow-counted"},
        {"counted_folder": "marketflow-unclear"}, {"counted_folder": "Done", "unclear_folder": "done"},
        {"folder": "R\u00fccklauf", "counted_folder": "Ru\u0308cklauf"},
    ],
    ids=str,
)  # fmt: skip
def test_three_folders_are_three(folders: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="must be three different folders"):
        MailboxTarget(name="bounces", host="x", username="x", password="x", **folders)  # type: ignore[arg-type]
