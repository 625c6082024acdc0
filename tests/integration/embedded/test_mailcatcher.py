"""The mail catcher over real sockets: what is accepted is on disk, and what is in a mail can run nothing."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from conftest import free_port


@dataclass
class Catcher:
    """A running catcher."""

    home: Path
    smtp_port: int
    process: subprocess.Popen[bytes]
    web: httpx.Client

    @property
    def maildir(self) -> Path:
        return self.home / "mail"

    def send(self, message: EmailMessage | bytes, *recipients: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10) as smtp:
            content = message if isinstance(message, bytes) else message.as_bytes()
            smtp.sendmail("shop@example.com", list(recipients) or ["ada@example.com"], content)

    def newest(self) -> str:
        return str(self.web.get("/api/messages").json()["messages"][0]["id"])


def start(home: Path) -> Catcher:
    smtp_port, http_port = free_port(), free_port()
    env = {
        **os.environ,
        "MARKETFLOW_HOME": str(home),
        "MARKETFLOW_SMTP_PORT": str(smtp_port),
        "MARKETFLOW_MAILBOX_PORT": str(http_port),
    }
    process = subprocess.Popen([sys.executable, "-m", "marketflow.embedded.mailcatcher"], env=env)
    web = httpx.Client(base_url=f"http://127.0.0.1:{http_port}", trust_env=False)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the catcher did not start"
        try:
            if web.get("/api/count").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.05)
    return Catcher(home=home, smtp_port=smtp_port, process=process, web=web)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catcher]:
    catcher = start(tmp_path_factory.mktemp("catcher"))
    yield catcher
    catcher.process.terminate()
    assert catcher.process.wait(10) in (0, -signal.SIGTERM)


@pytest.fixture
def catcher(shared: Catcher) -> Catcher:
    """The shared catcher, emptied."""
    for file in [*shared.maildir.glob("new/*"), *shared.maildir.glob("posts/*")]:
        file.unlink()
    return shared


def mail(subject: str = "Thank you", text: str = "Hello", html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Shop <shop@example.com>", "ada@example.com", subject
    message["Message-ID"] = "<one@example.com>"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def test_an_accepted_mail_is_one_file_with_its_envelope(catcher: Catcher) -> None:
    catcher.send(mail(), "ada@example.com", "bob@example.com")
    (file,) = (catcher.maildir / "new").iterdir()
    head = file.read_bytes().split(b"\r\n\r\n")[0]
    assert b"X-Envelope-From: shop@example.com\r\n" in head
    assert b"X-Envelope-To: ada@example.com, bob@example.com\r\n" in head
    assert b"Message-ID: <one@example.com>" in head
    assert list((catcher.maildir / "tmp").iterdir()) == []
    assert catcher.web.get("/api/count").json() == {"messages": 1, "posts": 0}


def test_many_connections_at_once_lose_nothing(catcher: Catcher) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: catcher.send(mail(f"number {n}")), range(120)))
    assert len(list((catcher.maildir / "new").iterdir())) == 120
    first = catcher.web.get("/api/messages").json()
    assert (first["total"], first["pages"], len(first["messages"])) == (120, 3, 50)
    seen = {m["subject"] for n in (1, 2, 3) for m in catcher.web.get(f"/api/messages?page={n}").json()["messages"]}
    assert seen == {f"number {n}" for n in range(120)}


def test_newest_come_first(catcher: Catcher) -> None:
    for subject in ("first", "second"):
        catcher.send(mail(subject))
    assert [m["subject"] for m in catcher.web.get("/api/messages").json()["messages"]] == ["second", "first"]
    page = catcher.web.get("/").text
    assert page.index("second") < page.index("first")


@pytest.mark.parametrize("page", ["0", "-1", "2", "x", "1e9", "9" * 5000])
def test_a_page_that_does_not_exist_is_refused(catcher: Catcher, page: str) -> None:
    assert catcher.web.get("/api/messages", params={"page": page}).status_code == 400


@pytest.mark.parametrize("name", ["nothing", "00000000000000000001.1.1", "..%2f..%2fsecrets%2fkey_ring.json", "%00"])
def test_a_mail_that_does_not_exist_is_not_found(catcher: Catcher, name: str) -> None:
    for path in (f"/mail/{name}", f"/mail/{name}/raw", f"/mail/{name}/html"):
        assert catcher.web.get(path).status_code == 404


def test_hostile_content_cannot_run_in_the_page(catcher: Catcher) -> None:
    evil = "<script>alert(1)</script>"
    catcher.send(
        mail(f"hi {evil}", text=evil, html=f"<p>{evil}<img src=https://tracker.example/x onerror=alert(2)></p>")
    )
    one = catcher.newest()
    for path in ("/", f"/mail/{one}"):
        answer = catcher.web.get(path)
        assert evil not in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "script-src" not in answer.headers["Content-Security-Policy"]
    frame = catcher.web.get(f"/mail/{one}/html")
    assert evil in frame.text  # as it is, but in a sandbox that runs no script and loads nothing from elsewhere
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    sandbox = re.search(r'<iframe[^>]* sandbox="([^"]*)"', catcher.web.get(f"/mail/{one}").text)
    assert sandbox is not None
    assert "allow-scripts" not in sandbox[1]
    assert "allow-same-origin" not in sandbox[1]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe no header at all",
        b"Subject: =?utf-8?b?!!!?=\r\nDate: not a date\r\nFrom: <<>>\r\nMessage-ID: [\r\n\r\nx",
        b"Content-Type: text/html; charset=no-such\r\n\r\n<b>\xff</b>",
        b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n",
        b"Subject: \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xf0\x9f\x8e\x89\r\n\r\ntext",
        b"Subject: " + b"x" * 900 + b"\r\n\r\n" + (b"y" * 900 + b"\r\n") * 1000,
    ],
    ids=["empty", "binary", "bad headers", "unknown charset", "bad multipart", "raw utf-8", "long"],
)
def test_any_mail_is_kept_and_can_be_shown(catcher: Catcher, content: bytes) -> None:
    catcher.send(content)
    one = catcher.newest()
    assert catcher.web.get("/").status_code == 200
    assert catcher.web.get(f"/mail/{one}").status_code == 200
    raw = catcher.web.get(f"/mail/{one}/raw").content
    assert content[:900].rstrip(b"\r\n") in raw


def test_a_mail_that_is_too_large_is_refused_and_leaves_nothing(catcher: Catcher) -> None:
    with pytest.raises(smtplib.SMTPException):
        catcher.send(b"Subject: large\r\n\r\n" + b"x" * 11_000_000)
    assert list((catcher.maildir / "new").iterdir()) == []
    catcher.send(mail())
    assert catcher.web.get("/api/count").json()["messages"] == 1


def test_a_post_is_kept_once_per_key_and_shown(catcher: Catcher) -> None:
    post = {"text": "Best of the week <script>alert(1)</script> 🎉", "campaign": "best_sellers"}
    first = catcher.web.post("/hooks/posts", json=post, headers={"Idempotency-Key": "send-1"})
    again = catcher.web.post("/hooks/posts", json=post, headers={"Idempotency-Key": "send-1"})
    other = catcher.web.post("/hooks/posts", json=post, headers={"Idempotency-Key": "send-2"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert len(list((catcher.maildir / "posts").glob("*.json"))) == 2
    page = catcher.web.get("/posts").text
    assert "Best of the week &lt;script&gt;" in page
    assert "🎉" in page
    assert catcher.web.get("/api/count").json() == {"messages": 0, "posts": 2}


def test_posts_at_once_with_one_key_are_one(catcher: Catcher) -> None:
    url = str(catcher.web.base_url) + "/hooks/posts"
    with ThreadPoolExecutor(8) as pool:
        codes = list(
            pool.map(
                lambda n: (
                    httpx.post(url, json={"text": n}, headers={"Idempotency-Key": "k"}, trust_env=False).status_code
                ),
                range(40),
            )
        )
    assert sorted(codes) == [200] * 39 + [201]


@pytest.mark.parametrize(("body", "code"), [(b"{", 400), (b"\xff", 400), (b"", 400), (b'"' + b"x" * 2_000_000, 413)])
def test_a_post_that_is_not_json_or_too_large_is_refused(catcher: Catcher, body: bytes, code: int) -> None:
    assert catcher.web.post("/hooks/posts", content=body).status_code == code
    assert list((catcher.maildir / "posts").iterdir()) == []


def test_another_name_for_this_machine_is_not_answered(catcher: Catcher) -> None:
    """Else a page from elsewhere could read the mails by pointing its own name here (DNS rebinding)."""
    assert catcher.web.get("/api/messages", headers={"Host": "evil.example"}).status_code == 400


def test_kill_and_start_again_keeps_every_accepted_mail(tmp_path: Path) -> None:
    catcher = start(tmp_path)
    for n in range(20):
        catcher.send(mail(f"number {n}"))
    catcher.process.kill()
    catcher.process.wait()
    (tmp_path / "mail" / "tmp" / "half").write_bytes(b"Subj")
    catcher = start(tmp_path)
    try:
        assert catcher.web.get("/api/count").json()["messages"] == 20
        assert list((tmp_path / "mail" / "tmp").iterdir()) == []
    finally:
        catcher.process.terminate()
        catcher.process.wait()


def test_addresses_do_not_reach_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    catcher = start(tmp_path)
    catcher.send(mail(), "very.private@example.com")
    catcher.process.terminate()
    catcher.process.wait()
    out, err = capfd.readouterr()
    assert "very.private" not in out + err
