"""The readers: they fetch pictures and follow links by real requests to the edge service, a few at a time.

A redirect is looked at and not followed: the shop that it leads to does not exist.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator

import httpx

from marketflow.embedded.simulation.behaviour import AGENTS, Act
from marketflow.embedded.simulation.mails import Handles
from marketflow.shared import MarketflowError

AT_ONCE = 8
_SECONDS = 20.0
_ONE_CLICK = {"List-Unsubscribe": "One-Click"}
_EXPECTED = {"open": 200, "click": 302, "unsubscribe": 200}


def read_mails(edge_url: str, readers: Iterable[tuple[Handles, list[Act]]]) -> Counter[str]:
    """Do what each reader does with her mail; gives how many opens, clicks, unsubscribes, and `refused` by the service.

    Mails are taken up AT_ONCE at a time; the requests about one mail are made one after the other. Raises
    MarketflowError when the edge service does not answer.
    """
    try:
        return asyncio.run(_read(edge_url, iter(readers)))
    except ExceptionGroup as errors:
        if errors.split(httpx.TransportError)[1]:
            raise
        raise MarketflowError("the edge service does not answer: see `make logs PART=edge`") from errors


async def _read(edge_url: str, readers: Iterator[tuple[Handles, list[Act]]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(
        base_url=edge_url, timeout=_SECONDS, limits=limits, follow_redirects=False, trust_env=False
    ) as http:

        async def read_on() -> None:
            for mail, acts in readers:  # one iterator for all: each takes the next mail
                await _read_one(http, mail, acts, counts)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(read_on())
    return counts


async def _read_one(http: httpx.AsyncClient, mail: Handles, acts: list[Act], counts: Counter[str]) -> None:
    for act in acts:
        for method, url in _requests(mail, act):
            form = _ONE_CLICK if method == "POST" else None
            answer = await http.request(method, url, data=form, headers={"User-Agent": AGENTS[act.agent]})
            counts[act.kind if answer.status_code == _EXPECTED[act.kind] else "refused"] += 1


def _requests(mail: Handles, act: Act) -> list[tuple[str, str]]:
    """None for what the mail does not have, such as a picture where opens are not tracked."""
    if act.kind == "unsubscribe":
        return [("POST", mail.unsubscribe)] if mail.unsubscribe else []
    if act.kind == "open":
        return [("GET", mail.pixel)] if mail.pixel else []
    if act.all_links:
        return [("GET", url) for url in mail.clicks]
    return [("GET", mail.clicks[int(act.which * len(mail.clicks))])] if mail.clicks else []
