"""What people and programs do with a mail, and who buys: the stated shares, and what follows of them for one person.

The figures are made up, in the order of magnitude of what shops see. They are stated here and printed by the demo, so
that what evaluation finds can be held against what is true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from marketflow.embedded.simulation.chance import amount, choose, draw

Action = Literal["open", "click", "unsubscribe"]
Report = Literal["bounce_hard", "complaint"]

# What each kind of program calls itself.
AGENTS: Mapping[str, str] = MappingProxyType({
    "apple_privacy": "Mozilla/5.0",  # Apple Mail Privacy Protection fetches pictures before anybody reads
    "gmail_proxy": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "scanner": "Mozilla/5.0 (compatible; BarracudaCentral; +https://www.barracudacentral.org/)",
    "iphone": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "android": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Mobile Safari/537.36",
    "windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36",
    "outlook": "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/8.0; ms-office; Microsoft Outlook "
    "16.0.5300)",
})  # fmt: skip


@dataclass(frozen=True)
class Act:
    """One request. `agent`: the program's kind, a key of AGENTS; `which`: of the links, from 0, the first, to 1."""

    kind: Action
    agent: str
    which: float = 0.0
    all_links: bool = False


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Shares of messages, from 0 to 1.

    programs: what people read mails with. scanned: a security program follows every link before anybody reads.
    read: a person looks at it. clicked: of those who read it. unsubscribed, bounced, complained: of all messages.
    """

    programs: Mapping[str, float] = field(
        default_factory=lambda: {"apple_privacy": 0.4, "gmail_proxy": 0.25, "windows": 0.2, "outlook": 0.15}
    )
    scanned: float = 0.05
    read: float = 0.35
    clicked: float = 0.12
    unsubscribed: float = 0.006
    bounced: float = 0.01
    complained: float = 0.0008

    def report(self, message_id: str, *, persuaded: bool) -> Report | None:
        """What a mail server says of the message later, if anything; nothing where somebody was glad of it."""
        if persuaded:
            return None
        rolled = draw("report", message_id)
        if rolled < self.bounced:
            return "bounce_hard"
        return "complaint" if rolled < self.bounced + self.complained else None

    def acts(self, message_id: str, *, persuaded: bool) -> list[Act]:
        """What is done with one message, in this order. Who is persuaded to buy has read it and clicked.

        Nothing of a message that bounced. A person's click comes from her browser, whatever she reads mails with.
        """
        if self.report(message_id, persuaded=persuaded) == "bounce_hard":
            return []
        program = choose(self.programs, "program", message_id)
        found = []
        if draw("scanned", message_id) < self.scanned:
            found += [Act("open", "scanner"), Act("click", "scanner", all_links=True)]
        if program == "apple_privacy":
            found.append(Act("open", program))
        is_read = persuaded or draw("read", message_id) < self.read
        if is_read and program != "apple_privacy":
            found.append(Act("open", program))
        if is_read and (persuaded or draw("clicked", message_id) < self.clicked):
            found.append(Act("click", _browser(program, message_id), which=draw("link", message_id)))
        if not persuaded and draw("unsubscribed", message_id) < self.unsubscribed:
            found.append(Act("unsubscribe", _browser(program, message_id)))
        return found


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Who buys within the time of the demo.

    base: share of people who buy anyhow, with a message or without. effects: what getting a message adds to that, by
    campaign and arm ("" for a campaign without arms), in the same unit: 0.05 is five points. median, spread, most: the
    money of a basket, see chance.amount.
    """

    base: float
    effects: Mapping[str, Mapping[str, float]]
    median: float = 28.0
    spread: float = 1.0
    most: float = 2_000.0

    def effect(self, campaign: str, arm: str) -> float:
        """What a message of this campaign and arm adds; 0 for what the simulation does not know."""
        return self.effects.get(campaign, {}).get(arm, 0.0)

    def is_persuaded(self, campaign: str, arm: str, customer_ref: str) -> bool:
        """Does she buy because of the message, who would not have bought without it?"""
        return self.base <= self._inclination(campaign, customer_ref) < self.base + self.effect(campaign, arm)

    def buys(self, campaign: str, arm: str, customer_ref: str, *, sent: bool) -> bool:
        """Does she buy, with the message or (`sent` is False) held out?

        One and the same number is held against both shares, so a person who buys without it also buys with it.
        """
        share = self.base + (self.effect(campaign, arm) if sent else 0.0)
        return self._inclination(campaign, customer_ref) < share

    def money(self, campaign: str, customer_ref: str) -> Decimal:
        """What she pays, if she buys."""
        return amount(self.median, self.spread, self.most, "money", campaign, customer_ref)

    def _inclination(self, campaign: str, customer_ref: str) -> float:
        return draw("buys", campaign, customer_ref)


def _browser(program: str, message_id: str) -> str:
    """Where a link opens."""
    if program == "apple_privacy":
        return "iphone"
    if program == "gmail_proxy":
        return "android" if draw("device", message_id) < 0.7 else "windows"
    return "windows"
