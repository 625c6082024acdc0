"""What a permanent or temporary no says: that the address is dead, that it has to wait, or something about us.

Hard are the codes about the recipient by which a server's refusal is believed while we send, too (`delivery.refusals`).
About us are policy (x.7.x: spam, blocks, authentication), contents (x.6.x) and the sender's own address (5.1.7 to
5.1.9): no address is shut out for that, neither at once nor by count, or a block at one provider would cost all its
customers. All others count as bounces for the time being, mailbox full (5.2.2) among them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from marketflow.campaigns.delivery.refusals import is_dead

Verdict = Literal["bounce_hard", "bounce_soft", "about_us"]
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_BASIC = re.compile(r"(?<![\d.])([45]\d\d)(?=[ -])")
_SENDERS_FAULT = frozenset({"5.1.7", "5.1.8", "5.1.9"})
# Where a server gives a bare 550 only, its words are looked at, and not kept.
_NOBODY = re.compile(
    r"no such|unknown|not exist|not found|invalid|no mailbox|no user|disabled|unavailable|不存在|无此|未找到",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"spam|block|polic|reputation|blacklist|listed|frequen|content|dmarc|\bspf\b|dkim|relay|denied|suspected|too many"
    r"|反垃圾|垃圾|频率|拒绝",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Code:
    """An enhanced status code (RFC 3463) or a reply code, for the record."""

    text: str | None
    verdict: Verdict


def judge(status: str, words: str = "") -> Code:
    """`status`: the field of a report that holds the code, or nothing; `words`: what the server said beside it.

    A status that says no more than that it failed (5.0.0) is held against the words: they may hold the code itself.
    """
    found = _ENHANCED.search(status)
    if found is None or (found[2], found[3]) == ("0", "0"):
        found = _ENHANCED.search(words) or found
    if found is not None and (found[2], found[3]) != ("0", "0"):
        return _by_enhanced(found)
    basic = _BASIC.search(words)
    if basic is None:
        return Code(found[0] if found else None, "bounce_soft")
    return Code(basic[1], _by_words(int(basic[1]), words))


def _by_enhanced(found: re.Match[str]) -> Code:
    code, subject = f"{found[1]}.{int(found[2])}.{int(found[3])}", int(found[2])
    if subject in (6, 7) or code in _SENDERS_FAULT:
        return Code(code, "about_us")
    return Code(code, "bounce_hard" if is_dead(0, code) else "bounce_soft")


def _by_words(code: int, words: str) -> Verdict:
    if _POLICY.search(words):
        return "about_us"
    return "bounce_hard" if is_dead(code, None) and _NOBODY.search(words) else "bounce_soft"
