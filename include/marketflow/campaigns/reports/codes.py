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
# In plain words a number may be a house, a telephone or a day. A code stands where a server quotes another's answer:
# behind words that say so, or both codes beside each other; a mail daemon begins a line with it, too.
_REPLY = r"[45][0-5]\d(?=[ -])(?![ -]\d{3,4}[ .-]\d)(?!-\d(?!\.))"
_DETAIL = r"[45]\.[0-7]\.\d{1,3}(?![\d.]*\d)"
_ONE = rf"(?:({_REPLY})|#?({_DETAIL}))"
_PAIR = re.compile(rf"(?<![\d.])({_REPLY})[ -]{{1,4}}#?({_DETAIL})")
_TOLD = re.compile(
    r"(?:(?:said|smtp|rcpt to|end of data|error|erreur|errore|fehler|failure|repl(?:y|ied)|respon(?:se|ded)|returned"
    r"|reason|grund|raison|code|status|was|原因|代码|错误|返回|回复)[ \t]{0,4}[:;=][ \t:;]{0,8}|<<<[ \t]{0,4}|\(#)"
    + _ONE,
    re.IGNORECASE,
)
_BEGUN = re.compile(r"^[ \t>*|\"'(\[-]{0,20}" + _ONE, re.MULTILINE)
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
    basic = _BASIC.search(words)
    return _by_codes(found and found[0], basic and basic[1], words)


def judge_words(words: str, *, is_daemon: bool) -> Code | None:
    """What a bounce in plain words says; None where it quotes no code of a server.

    `is_daemon`: a mail server's daemon has written it. What anybody else writes is never a permanent no: a program
    that answers for a person who is away may write as this does.
    """
    found = [m for form in (_PAIR, _TOLD, *([_BEGUN] if is_daemon else [])) for m in form.finditer(words)]
    enhanced = next((m[2] for m in found if m[2]), None)
    basic = next((m[1] for m in found if m[1]), None)
    if enhanced is None and basic is None:
        return None
    code = _by_codes(enhanced, basic, words)
    return code if is_daemon or code.verdict != "bounce_hard" else Code(code.text, "bounce_soft")


def _by_codes(enhanced: str | None, basic: str | None, words: str) -> Code:
    if enhanced is not None and not enhanced.endswith(".0.0"):
        return _by_enhanced(enhanced)
    if basic is None:
        return Code(enhanced, "bounce_soft")
    return Code(basic, _by_words(int(basic), words))


def _by_enhanced(text: str) -> Code:
    kind, subject, detail = text.split(".")
    code = f"{kind}.{int(subject)}.{int(detail)}"
    if subject.lstrip("0") in ("6", "7") or code in _SENDERS_FAULT:
        return Code(code, "about_us")
    return Code(code, "bounce_hard" if is_dead(0, code) else "bounce_soft")


def _by_words(code: int, words: str) -> Verdict:
    if _POLICY.search(words):
        return "about_us"
    return "bounce_hard" if is_dead(code, None) and _NOBODY.search(words) else "bounce_soft"
