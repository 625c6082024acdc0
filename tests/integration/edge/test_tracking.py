"""Opens and clicks over HTTP: what is answered, what is recorded, and what is not; no database is there."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from campaign_shop import RING
from edge_process import EdgeProcess
from journals import recorded
from marketflow.edge.floods import PER_MINUTE
from marketflow.edge.tracking import PIXEL
from marketflow.privacy import KeyRing, click_token, generate_key_ring, message_token, unsubscribe_token

TODAY = dt.datetime.now(dt.UTC).date()
URL = "https://shop.example.com/p?a=1#top"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
_sends = iter(range(1_000, 1_000_000))


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeProcess]:
    home = tmp_path_factory.mktemp("edge")
    with EdgeProcess(home, journal_seconds=0.2, brand="Shop & Co", edge_proxies="127.0.0.0/8") as process:
        yield process


@pytest.fixture(scope="module")
def http(edge: EdgeProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{edge.port}", timeout=20, headers={"user-agent": CHROME}) as client:
        yield client


@pytest.fixture
def send() -> int:
    """A message of the test's own."""
    return next(_sends)


def pixel(send_id: int, day: dt.date = TODAY) -> str:
    return f"/o/{message_token(RING, 'open', send_id, day)}.gif"


def click(send_id: int, url: str = URL, day: dt.date = TODAY, campaign: str = "welcome") -> str:
    return f"/c/{click_token(RING, send_id, day, url, campaign)}"


def of(edge: EdgeProcess, send_id: int, count: int) -> list[dict[str, Any]]:
    """The records of a message, as soon as so many are in closed segments."""
    deadline = time.monotonic() + 10
    while True:
        found = [r for r in recorded(edge.folder / "tracked") if r["send_id"] == send_id]
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def none_of(edge: EdgeProcess, http: httpx.Client, send_id: int) -> bool:
    """Nothing is recorded of it: what is done after it is there."""
    other = next(_sends)
    assert http.get(pixel(other)).status_code == 200
    assert of(edge, other, 1)
    return not of(edge, send_id, 0)


def test_an_opening(edge: EdgeProcess, http: httpx.Client, send: int) -> None:
    answer = http.get(pixel(send), headers={"x-forwarded-for": "8.8.4.4"})
    assert (answer.status_code, answer.content) == (200, PIXEL)
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/gif", "no-store")
    assert "tracking" not in answer.headers
    assert "set-cookie" not in answer.headers
    [record] = of(edge, send, 1)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", record.pop("event_id"))
    assert abs(dt.datetime.fromisoformat(record.pop("occurred_at")) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    assert re.fullmatch("[0-9a-f]{32}", record.pop("network"))
    assert record == {"kind": "open", "send_id": send, "url": None, "method": "GET", "client": "chrome"}


def test_a_click_leads_on_and_carries_its_id(edge: EdgeProcess, http: httpx.Client, send: int) -> None:
    answer = http.get(click(send))
    to = urlsplit(answer.headers["location"])
    [record] = of(edge, send, 1)
    assert answer.status_code == 302
    assert (to.scheme, to.netloc, to.path, to.fragment) == ("https", "shop.example.com", "/p", "top")
    assert parse_qs(to.query) == {
        "a": ["1"], "mf_click": [record["event_id"]], "utm_source": ["newsletter"], "utm_medium": ["email"], "utm_campaign": ["welcome"],
    }  # fmt: skip
    assert (record["kind"], record["url"], record["network"]) == ("click", URL, None)
    assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")


def test_a_link_that_is_tagged_keeps_its_tags(http: httpx.Client, send: int) -> None:
    to = http.get(click(send, "https://shop.example.com/?utm_source=mine")).headers["location"]
    assert (to.count("utm_"), "utm_source=mine" in to, "mf_click=" in to) == (1, True, True)


def test_head_is_answered_and_marked(edge: EdgeProcess, http: httpx.Client, send: int) -> None:
    assert (http.head(pixel(send)).content, http.head(click(send)).status_code) == (b"", 302)
    assert [r["method"] for r in of(edge, send, 2)] == ["HEAD", "HEAD"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_else_is_taken(edge: EdgeProcess, http: httpx.Client, send: int, method: str) -> None:
    assert http.request(method, click(send), content=b"x").status_code == 405
    assert http.request(method, pixel(send)).status_code == 405
    assert none_of(edge, http, send)


def test_what_is_not_ours_is_one_page_for_all_and_leads_nowhere(
    edge: EdgeProcess, http: httpx.Client, send: int
) -> None:
    """Forged, altered, of another message, of another kind, of other keys."""
    token, target = click_token(RING, send, TODAY, URL).split("/")
    other = click_token(RING, send + 1, TODAY, "https://evil.example/").split("/")
    foreign = KeyRing.from_json(generate_key_ring())
    opens = message_token(RING, "open", send, TODAY)
    wrong = [
        f"/c/{token}/{other[1]}", f"/c/{other[0]}/{target}", f"/c/{token[:-1]}/{target}", f"/c/{token}/{target}A", f"/c/{token}", f"/c/{token}/",
        f"/c/{token}/{target}/more", "/c//", f"/c/{opens}/{target}", f"/c/{click_token(foreign, send, TODAY, URL)}",
        f"/c/{click_token(RING, send, TODAY, 'javascript:alert(1)')}", f"/c/{click_token(RING, send, TODAY, '//evil.example/')}",
        f"/c/{token}/aHR0cHM6Ly9ldmlsLmV4YW1wbGUv", f"/c/https://evil.example/{target}", "/c/x?url=https://evil.example", f"/c/{'x' * 9_000}/y",
        f"/o/{opens}", f"/o/{opens[:-1]}.gif", f"/o/{opens}x.gif", f"/o/{token}.gif", f"/o/{unsubscribe_token(RING, send)}.gif", "/o/.gif",
        f"/o/{message_token(RING, 'web_version', send, TODAY)}.gif", f"/u/{opens}",
    ]  # fmt: skip
    unknown = http.get("/u/forged")
    answers = [http.get(path) for path in wrong]
    assert {(a.status_code, a.text) for a in answers} == {(404, unknown.text)}
    assert not any("location" in a.headers for a in answers)
    assert none_of(edge, http, send)


def test_an_old_link_says_so_and_names_the_shop(edge: EdgeProcess, http: httpx.Client, send: int) -> None:
    old, still = TODAY - dt.timedelta(days=402), TODAY - dt.timedelta(days=399)
    answer = http.get(click(send, day=old))
    assert (answer.status_code, "location" in answer.headers) == (410, False)
    assert "Shop &amp; Co" in answer.text
    assert "expired" in answer.text
    picture = http.get(pixel(send, old))
    assert (picture.content, picture.headers["tracking"]) == (PIXEL, "not recorded")
    assert none_of(edge, http, send)
    assert http.get(click(send, day=still)).status_code == 302


def test_one_message_cannot_fill_the_log(edge: EdgeProcess, http: httpx.Client, send: int) -> None:
    """Who has one link can ask for ever; all are answered, and those beyond a minute's number are not recorded."""
    answers = [http.get(click(send)) for _ in range(PER_MINUTE + 20)]
    assert {a.status_code for a in answers} == {302}
    carried = ["mf_click" in a.headers["location"] for a in answers]
    assert PER_MINUTE <= sum(carried) <= 2 * PER_MINUTE - 20 or carried.count(False) == 20
    assert ["tracking" in a.headers for a in answers] == [not c for c in carried]
    assert len(of(edge, send, sum(carried))) == sum(carried)


def test_nothing_of_the_reader_is_in_clear(edge: EdgeProcess, http: httpx.Client, send: int) -> None:
    assert http.get(click(send), headers={"x-forwarded-for": "8.8.4.4", "user-agent": "Xanthippe/1"}).status_code == 302
    [record] = of(edge, send, 1)
    assert record["client"] == "other"
    assert not re.search("8[.]8[.]4|Xanthippe", str(record))
    sealed = b"".join(path.read_bytes() for path in (edge.folder / "tracked").iterdir())
    assert b"shop.example.com" not in sealed
    said = edge.log.read_text()
    assert not re.search(r"/c/|/o/|8\.8\.4|Xanthippe", said)


def test_without_a_log_the_reader_still_gets_to_the_shop(tmp_path: Path, send: int) -> None:
    """It is said, to the operator and in the answer, that the click was not recorded."""
    with EdgeProcess(tmp_path, journal_seconds=0.2) as edge:
        address = f"http://127.0.0.1:{edge.port}"
        assert "mf_click" in httpx.get(address + click(send)).headers["location"]
        assert of(edge, send, 1)
        shutil.rmtree(edge.folder / "tracked")
        (edge.folder / "tracked").write_text("no folder")
        answer, picture = httpx.get(address + click(send)), httpx.get(address + pixel(send))
        assert (answer.status_code, answer.headers["tracking"]) == (302, "not recorded")
        assert answer.headers["location"].startswith("https://shop.example.com/p?a=1&utm_source=")
        assert "mf_click" not in answer.headers["location"]
        assert (picture.content, picture.headers["tracking"]) == (PIXEL, "not recorded")
        state = httpx.get(address + "/health").json()["tracking"]
        assert "cannot write" in state
        assert "2 not recorded" in state
        (edge.folder / "tracked").unlink()
        (edge.folder / "tracked").mkdir()
        assert "mf_click" in httpx.get(address + click(send)).headers["location"]
        assert of(edge, send, 1)
    assert "the log 'tracked' cannot be written" in edge.log.read_text()
