"""The collector over sockets: what it takes, what it refuses and how, and what is in its log afterwards."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector_events import read, track
from edge_process import SERVER, WEB, EdgeProcess, everything, head


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeProcess]:
    """One process for all tests that need no other settings; no database is there."""
    home = tmp_path_factory.mktemp("edge")
    with EdgeProcess(home, edge_request_seconds=1.5, collector_segment_seconds=0.2) as process:
        yield process


def message(name: str, **more: Any) -> dict[str, Any]:
    return track(messageId=name, **more)


def rows(edge: EdgeProcess, *names: str) -> list[dict[str, Any]]:
    """The rows of these messages, as soon as their segments are closed; none of others."""
    deadline = time.monotonic() + 10
    while True:
        found = [row for row in read(edge.folder).rows if row["message_id"] in names]
        if len(found) >= len(names) or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def is_there(edge: EdgeProcess, name: str) -> bool:
    """Send a neighbour and look for both."""
    assert edge.post("track", message(f"after {name}")).status_code == 200
    assert rows(edge, f"after {name}")
    return bool([row for row in read(edge.folder).rows if row["message_id"] == name])


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("track", {"userId": "u", "event": "Bought"}),
        ("identify", {"userId": "u", "traits": {"plan": "gold"}}),
        ("page", {"anonymousId": "a", "name": "Prices"}),
        ("screen", {"anonymousId": "a", "name": "Start"}),
        ("group", {"userId": "u", "groupId": "g"}),
        ("alias", {"userId": "u", "previousId": "a"}),
        ("batch", {"batch": [{"type": "page", "anonymousId": "a"}]}),
        ("t", {"userId": "u", "event": "Bought"}),
    ],
)
def test_every_call_is_taken(edge: EdgeProcess, call: str, body: dict[str, Any]) -> None:
    name = f"call {call}"
    inner = body["batch"][0] if call == "batch" else body
    inner["messageId"] = name
    answer = edge.post(call, body)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    [row] = rows(edge, name)
    assert (row["type"], row["write_key"]) == ({"batch": "page", "t": "track"}.get(call, call), "server")


@pytest.mark.parametrize(
    ("key", "body"),
    [("wrong-key", {}), (WEB + "x", {}), (None, {}), (None, {"writeKey": "wrong-key"}), (None, {"writeKey": [WEB]}),
     ("wrong-key", {"writeKey": WEB})],
)  # fmt: skip
def test_a_wrong_write_key(edge: EdgeProcess, key: str | None, body: dict[str, Any]) -> None:
    answer = edge.post("track", message("wrong key") | body, key=key)
    assert (answer.status_code, answer.json()["success"], answer.json()["code"]) == (401, False, "unauthorized")
    assert not is_there(edge, "wrong key")


def test_the_library_for_browsers(edge: EdgeProcess) -> None:
    """It posts JSON as text/plain, without a header for the key, from a page of another site."""
    page = "https://shop.example"
    answer = edge.post(
        "t", message("browser", writeKey=WEB), key=None, **{"Content-Type": "text/plain", "Origin": page}
    )
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    [row] = rows(edge, "browser")
    assert (row["write_key"], "public-web-key" in row["properties"]) == ("web", False)
    asked = {"Origin": page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = httpx.options(f"http://127.0.0.1:{edge.port}/v1/track", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "authorization" in preflight.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b'{"userId": "\xff"}', "the body is not JSON"),
        (b"[]", "the body is not a JSON object"),
        (b"5", "the body is not a JSON object"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "the body is not JSON, or nested deeper than 32 levels"),
        (b"[" * 10_000 + b"]" * 10_000, "the body is not JSON, or nested deeper than 32 levels"),
        (b'{"userId":"u","event":"x","properties":' + b'{"a":' * 100 + b"1" + b"}" * 101, "the message is nested deeper than 32"),
        (b'{"event": "x"}', "userId and anonymousId: both are missing"),
        (b'{"userId": "u"}', "event: the name of what happened is missing"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_the_reason(edge: EdgeProcess, body: bytes, reason: str) -> None:
    answer = edge.post("track", body)
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert answer.json()["message"].startswith(reason)
    assert edge.post("track", message("neighbour")).status_code == 200


@pytest.mark.parametrize("call", ["track", "batch"])
def test_json_nested_10_000_deep(edge: EdgeProcess, call: str) -> None:
    answer = edge.post(call, b'{"batch":' + b"[" * 10_000 + b"]" * 10_000 + b"}")
    assert answer.status_code == 400
    assert answer.json()["message"] == "the body is not JSON, or nested deeper than 32 levels"


@pytest.mark.parametrize("batch", [None, {}, [], "x", [1] * 2_501])
def test_a_batch_is_a_list(edge: EdgeProcess, batch: Any) -> None:
    answer = edge.post("batch", {"batch": batch})
    assert (answer.status_code, answer.json()["message"].startswith("batch: ")) == (400, True)


def test_bad_events_of_a_batch_are_told_and_their_neighbours_taken(edge: EdgeProcess) -> None:
    batch = [
        message("one"), message("too large", properties={"a": "x" * 33_000}), 7, message("two"), {"type": "track"},
    ]  # fmt: skip
    answer = edge.post("batch", {"batch": batch})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["success"], told["refused_count"]) == (True, 3)
    assert [(r["index"], r["reason"][:24]) for r in told["refused"]] == [
        (1, "the message has 33101 by"), (2, "the message is not a JSO"), (4, "userId and anonymousId: "),
    ]  # fmt: skip
    assert len(rows(edge, "one", "two")) == 2
    reasons = read(edge.folder).reasons
    assert {r["reason"] for r in told["refused"]} <= set(reasons)


def test_sizes_at_the_limit(edge: EdgeProcess) -> None:
    def padded(name: str, size: int) -> bytes:
        rest = size - len(json.dumps(message(name, properties={"a": ""})))
        return json.dumps(message(name, properties={"a": "x" * rest})).encode()

    assert edge.post("track", padded("32 KB", 32_768)).status_code == 200
    assert edge.post("track", padded("32 KB and one", 32_769)).status_code == 413
    full = json.dumps({"batch": [message(f"full {n}", properties={"a": "x" * 25_000}) for n in range(20)]}).encode()
    filled = full[:-1] + b" " * (512_000 - len(full)) + b"}"
    assert edge.post("batch", filled).status_code == 200
    assert edge.post("batch", filled[:-1] + b" }").status_code == 413
    assert len(rows(edge, "32 KB", *(f"full {n}" for n in range(20)))) == 21


@pytest.mark.parametrize("how", ["Content-Length: 104857600", "Transfer-Encoding: chunked"])
def test_100_mb_in_one_request(edge: EdgeProcess, how: str) -> None:
    """It is refused at once, or as soon as it is too long, and never held."""
    before = edge.memory
    piece = b"x" * (1 << 20)
    framed = b"100000\r\n" + piece + b"\r\n" if "chunked" in how else piece
    with edge.connect() as connection:
        connection.sendall(head("batch", how) + b"\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                connection.sendall(framed)
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"message":"the request has more than 512000 bytes"' in answer
    assert edge.memory - before < 16 << 20
    assert edge.post("track", message(f"after 100 MB {how[0]}")).status_code == 200


def test_a_chunked_body_is_taken(edge: EdgeProcess) -> None:
    body = json.dumps(message("chunked")).encode()
    pieces = (body[n : n + 20] for n in range(0, len(body), 20))
    answer = httpx.post(f"http://127.0.0.1:{edge.port}/v1/track", content=pieces, auth=(SERVER, ""))
    assert answer.status_code == 200
    assert rows(edge, "chunked")


@pytest.mark.parametrize("sent", ["headers", "body", "chunks", "nothing"])
def test_a_slow_loris_is_cut_off_and_holds_nobody_up(edge: EdgeProcess, sent: str) -> None:
    beginnings = {
        "headers": head(), "body": head("track", "Content-Length: 1000") + b'\r\n{"userId"', "nothing": b"",
        "chunks": head("track", "Transfer-Encoding: chunked") + b"\r\n1\r\n{\r\n",
    }  # fmt: skip
    drops = {"headers": b"X-Slow: 1\r\n", "body": b" ", "chunks": b"1\r\n \r\n", "nothing": b""}
    started = time.monotonic()
    with edge.connect() as slow:
        slow.sendall(beginnings[sent])
        assert edge.post("track", message(f"beside slow {sent}")).status_code == 200
        slow.settimeout(0.1)
        answer = b""
        while time.monotonic() < started + 15:
            with contextlib.suppress(ConnectionError):
                slow.sendall(drops[sent])  # one that goes on and on is no better
            try:
                answer += (chunk := slow.recv(4_096))
            except TimeoutError:
                continue
            except ConnectionError:
                break
            if not chunk:
                break
    assert 1.4 < time.monotonic() - started < 10
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer


def test_an_idle_connection_is_closed_whatever_it_did_before(edge: EdgeProcess) -> None:
    """An empty line between two requests is allowed, and unset uvicorn's own timer."""
    with edge.connect() as connection:
        connection.sendall(b"OPTIONS /v1/track HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 204 ")
        connection.sendall(b"\r\n")
        connection.settimeout(10)
        assert everything(connection).startswith(b"HTTP/1.1 408 ")


def test_an_empty_line_between_two_requests_hurts_neither(edge: EdgeProcess) -> None:
    body = json.dumps(message("after an empty line")).encode()
    with edge.connect() as connection:
        connection.sendall(b"OPTIONS /v1/track HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 204 ")
        connection.sendall(b"\r\n")
        connection.sendall(head("track", f"Content-Length: {len(body)}") + b"\r\n" + body)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert rows(edge, "after an empty line")


def test_a_client_that_never_reads_its_answers_is_let_go(edge: EdgeProcess) -> None:
    body = json.dumps({"batch": [{"type": "alias"}] * 12}).encode()
    one = head("batch", f"Content-Length: {len(body)}") + b"\r\n" + body
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        connection.settimeout(15)  # of a send that no one takes
        connection.connect(("127.0.0.1", edge.port))
        with pytest.raises(ConnectionError):
            connection.sendall(one * 100_000)
    assert edge.post("track", message("beside one that never reads")).status_code == 200
    assert "Traceback" not in edge.log.read_text()


def test_a_good_request_beside_one_made_to_take_long(edge: EdgeProcess) -> None:
    slow = {"batch": [track(event="a" * 400_000 + " @"), track(properties={"a": "a" * 30_000 + " @"})]}
    started = time.monotonic()
    answer = edge.post("batch", slow)
    assert (answer.status_code, answer.json()["refused_count"]) == (200, 1)
    assert time.monotonic() - started < 5


def test_the_door_says_of_a_batch_with_a_context_of_its_own_what_the_reader_will(edge: EdgeProcess) -> None:
    batch = [
        message(f"context {n}", properties={"a": "x" * size}) for n, size in enumerate((1, 32_000, 32_500, 40_000))
    ]
    context = {"page": {"title": "t" * 300_000, "path": "/p" * 200}, "custom": {"a": "x" * 50_000}}
    answer = edge.post("batch", {"batch": batch, "context": context}).json()
    assert [r["index"] for r in answer["refused"]] == [1, 2, 3]
    assert len(rows(edge, "context 0")) == 1
    found = [reason for reason in read(edge.folder).reasons if "context of its batch" in reason]
    assert found == [r["reason"] for r in answer["refused"]]


def test_two_hundred_slow_ones_leave_room_for_others(edge: EdgeProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(edge.connect()).sendall(head("batch", "Content-Length: 500000") + b"\r\n{")
        assert edge.post("track", message("beside many")).status_code == 200


@pytest.mark.parametrize(
    "flood",
    [
        b"".join(b"X-%d: %s\r\n" % (n, b"y" * 100) for n in range(5_000)),
        b"X-Large: " + b"y" * 200_000,
        b"".join(b"X-%d: y\r\n" % n for n in range(150)) + b"\r\n",
        b"X-Fits-In-One-Packet: " + b"y" * 40_000 + b"\r\n\r\n",
    ],
)  # fmt: skip
def test_a_flood_of_headers(edge: EdgeProcess, flood: bytes) -> None:
    before = edge.memory
    with edge.connect() as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(head("track", "Content-Length: 2") + flood)
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert edge.memory - before < 8 << 20
    assert edge.post("track", message("after a flood")).status_code == 200


@pytest.mark.parametrize("junk", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"POST /v1/track HTTP/9.9\r\n\r\n"])
def test_what_is_not_http(edge: EdgeProcess, junk: bytes) -> None:
    with edge.connect() as connection:
        connection.sendall(junk)
        assert everything(connection).startswith(b"HTTP/1.1 400 ")
    assert edge.post("track", message("after junk")).status_code == 200


def test_two_lengths_are_refused(edge: EdgeProcess) -> None:
    """What a proxy in front and we would understand differently (request smuggling)."""
    with edge.connect() as connection:
        connection.sendall(head("track", "Content-Length: 5", "Transfer-Encoding: chunked") + b"\r\n0\r\n\r\n")
        assert everything(connection).startswith(b"HTTP/1.1 400 ")


def test_gzip(edge: EdgeProcess) -> None:
    packed = gzip.compress(json.dumps({"batch": [message(f"gzip {n}") for n in range(100)]}).encode())
    assert edge.post("batch", packed, **{"Content-Encoding": "gzip"}).status_code == 200
    assert len(rows(edge, *(f"gzip {n}" for n in range(100)))) == 100


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b" " * 50_000_000, mtime=0), "gzip", 413),
        (b"no gzip", "gzip", 400),
        (gzip.compress(b"{}" * 100, mtime=0)[:-6], "gzip", 400),
        (gzip.compress(b"{}", mtime=0) + b"more", "gzip", 400),
        (b"{}", "br", 415),
    ],
)  # fmt: skip
def test_bad_content_encodings(edge: EdgeProcess, body: bytes, encoding: str, status: int) -> None:
    before = edge.memory
    assert edge.post("track", body, **{"Content-Encoding": encoding}).status_code == status
    assert edge.memory - before < 8 << 20


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "track", 405), ("PUT", "track", 405), ("HEAD", "batch", 405), ("POST", "import", 404), ("POST", "", 404),
     ("POST", "track/x", 404), ("OPTIONS", "import", 404)],
)  # fmt: skip
def test_other_requests(edge: EdgeProcess, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, f"http://127.0.0.1:{edge.port}/v1/{path}", auth=(SERVER, ""))
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers


def test_a_clock_one_day_ahead(edge: EdgeProcess) -> None:
    """Both times are the client's: they say how long before the sending it happened."""
    day_ahead = time.time() + 86_400
    sent, happened = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(day_ahead - s)) for s in (0, 60))
    edge.post("batch", {"batch": [message("day ahead", timestamp=happened)], "sentAt": sent})
    edge.post("track", message("no sentAt", timestamp=happened))
    edge.post("track", message("beside both"))
    ahead, beside = rows(edge, "day ahead", "beside both")
    assert (ahead["message_id"], beside["message_id"]) == ("day ahead", "beside both")
    assert 55 < (_time(ahead["received_at"]) - _time(ahead["occurred_at"])) < 65
    assert abs(json.loads(ahead["properties"])["_collected"]["clock_ahead_seconds"] - 86_400) < 5
    [reason] = [r for r in read(edge.folder).reasons if "no sentAt" in r]
    assert reason.startswith("timestamp: lies 24.0 hours after the arrival")


def _time(text: str) -> float:
    import datetime as dt

    return dt.datetime.fromisoformat(text).timestamp()


def test_it_goes_on_without_its_database_and_says_so(edge: EdgeProcess) -> None:
    found = httpx.get(f"http://127.0.0.1:{edge.port}/health", timeout=20)
    assert found.status_code == 200
    assert found.json() == {
        "status": "events only: the warehouse is away", "collector": "ok", "warehouse": "cannot be reached",
        "answers": "ok", "tracking": "ok",
    }  # fmt: skip


def test_many_clients_at_once_over_kept_connections(edge: EdgeProcess) -> None:
    failed: list[Any] = []

    def client(number: int) -> None:
        with httpx.Client(auth=(SERVER, ""), timeout=20) as http:
            for n in range(50):
                answer = http.post(f"http://127.0.0.1:{edge.port}/v1/track", json=message(f"client {number} {n}"))
                if answer.json() != {"success": True}:
                    failed.append(answer)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert len(rows(edge, *(f"client {c} {n}" for c in range(8) for n in range(50)))) == 400


def test_requests_in_a_row_on_one_connection(edge: EdgeProcess) -> None:
    """Pipelined: all are sent before the first answer is read."""
    bodies = [json.dumps(message(f"row {n}")).encode() for n in range(5)]
    with edge.connect() as connection:
        connection.sendall(b"".join(head("track", f"Content-Length: {len(b)}") + b"\r\n" + b for b in bodies))
        found = b""
        while found.count(b'{"success":true}') < 5:
            chunk = connection.recv(65_536)
            assert chunk
            found += chunk
    assert len(rows(edge, *(f"row {n}" for n in range(5)))) == 5


def test_what_it_says_holds_nothing_that_was_sent(edge: EdgeProcess) -> None:
    edge.post("identify", {"userId": "Xanthippa", "traits": {"email": "x@mail.example.com"}})
    edge.post("track", b'{"userId": "Xanthippa"')
    said = edge.log.read_text()
    assert "Uvicorn running" in said
    for word in ("Xanthippa", "x@mail", SERVER, WEB, "secret-word", "Product Viewed"):
        assert word not in said
    assert not [line for line in said.splitlines() if "Traceback" in line or "Exception" in line]


def test_a_key_that_sends_too_much_is_told_when_to_come_back(tmp_path: Path) -> None:
    with EdgeProcess(tmp_path, collector_rate=10) as edge:
        assert edge.post("batch", {"batch": [message(f"b{n}") for n in range(100)]}).status_code == 200
        answer = edge.post("batch", {"batch": [message(f"c{n}") for n in range(30)]})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
        assert answer.json()["code"] == "rate_limited"
        assert edge.post("track", message("other key"), key=WEB).status_code == 200
    assert {row["message_id"][0] for row in read(edge.folder).rows} == {"b", "o"}


def test_a_disk_without_room_takes_nothing_and_says_so(tmp_path: Path) -> None:
    with EdgeProcess(tmp_path, collector_reserve_mib=1 << 40) as edge:
        answer = edge.post("track", message("no room"))
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "5")
        health = httpx.get(f"http://127.0.0.1:{edge.port}/health")
        assert (health.status_code, health.json()["collector"]) == (
            503, "cannot write: less room on the disk than is kept free",
        )  # fmt: skip
    assert not [path for path in edge.folder.rglob("*") if path.is_file()]


def test_a_write_that_fails_half_way_loses_only_what_was_refused(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the write that passes it is cut off in the middle."""
    limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); runpy.run_module('marketflow.edge', run_name='__main__')"
    edge = EdgeProcess(tmp_path, collector_segment_seconds=60)
    edge.log.touch()
    edge.program = ["-c", limited]
    with edge:
        answers = {
            f"e{n}": edge.post("track", message(f"e{n}", properties={"a": "x" * 3_000})).status_code for n in range(30)
        }
    assert {200, 503} == set(answers.values())
    found = [row["message_id"] for row in read(edge.folder).rows]
    assert found == [name for name, status in answers.items() if status == 200]
    assert read(edge.folder).bad == []


def test_without_write_keys_it_answers_links_and_takes_no_events(tmp_path: Path) -> None:
    with EdgeProcess(tmp_path, write_keys="") as edge:
        assert edge.post("track", message("nobody")).status_code == 401
        health = httpx.get(f"http://127.0.0.1:{edge.port}/health", timeout=20)
        assert (health.status_code, health.json()["collector"]) == (503, "has no write keys")
        assert httpx.get(f"http://127.0.0.1:{edge.port}/u/nonsense").status_code == 404


def test_killed_again_and_again_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    edge = EdgeProcess(tmp_path)
    acknowledged: set[str] = set()
    for life in range(3):
        edge.start()
        stop = threading.Event()
        threads = [threading.Thread(target=_send, args=(edge, f"{life}-{n}", acknowledged, stop)) for n in range(4)]
        for thread in threads:
            thread.start()
        goal = len(acknowledged) + 150
        while len(acknowledged) < goal:
            time.sleep(0.001)
        edge.kill()
        stop.set()
        for thread in threads:
            thread.join(20)
    edge.start()
    edge.stop()
    found = [row["message_id"] for row in read(edge.folder).rows]
    assert len(acknowledged) >= 450
    assert acknowledged <= set(found)
    assert len(found) == len(set(found))
    assert len(set(found) - acknowledged) <= 3 * 4  # those that were being answered
    assert read(edge.folder).bad == []


def _send(edge: EdgeProcess, name: str, acknowledged: set[str], stop: threading.Event) -> None:
    with httpx.Client(auth=(SERVER, ""), timeout=20) as http, contextlib.suppress(httpx.TransportError):
        for n in range(100_000):
            if stop.is_set():
                return
            if http.post(f"http://127.0.0.1:{edge.port}/v1/track", json=message(f"{name}-{n}")).status_code == 200:
                acknowledged.add(f"{name}-{n}")


def test_one_address_at_a_time(tmp_path: Path) -> None:
    """A second service on the same port ends, and leaves the first one's open segment alone."""
    with EdgeProcess(tmp_path) as edge:
        assert edge.post("track", message("first")).status_code == 200
        second = EdgeProcess(tmp_path, edge_port=edge.port)
        second.port = edge.port
        second.start()
        assert second._process is not None
        assert second._process.wait(20) != 0
        with socket.create_connection(("127.0.0.1", edge.port)):
            assert edge.post("track", message("second")).status_code == 200
    assert sorted(row["message_id"] for row in read(edge.folder).rows) == ["first", "second"]
