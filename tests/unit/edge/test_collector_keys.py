"""Write keys as settings give them and as clients show them, and the rate of each."""

from __future__ import annotations

import base64

import pytest

from marketflow.edge.collector.keys import WriteKeys
from marketflow.edge.collector.rate import BURST_SECONDS, Rates
from marketflow.shared import ConfigurationError

KEYS = WriteKeys.parse("web:public=public-key, server=server-key==")


def basic(user: str, password: str = "") -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


@pytest.mark.parametrize(
    "text", ["web:public=public-key, server=server-key==", '{"web:public": "public-key", "server": "server-key=="}']
)
def test_both_forms_say_the_same(text: str) -> None:
    keys = WriteKeys.parse(text)
    web, server = keys.by_secret("public-key"), keys.by_secret("server-key==")
    assert web
    assert server
    assert (web.name, web.is_public, server.name, server.is_public) == ("web", True, "server", False)
    assert "public-key" not in repr(web)


@pytest.mark.parametrize(
    "header",
    [
        basic("server-key=="),
        basic("server-key==", "whatever"),
        b"basic  " + basic("server-key==")[6:],
        basic("server-key==") + b" ",
    ],
)
def test_the_user_of_http_basic_is_the_key(header: bytes) -> None:
    found = KEYS.by_header(header)
    assert found is not None
    assert found.name == "server"


@pytest.mark.parametrize(
    "header",
    [b"", b"Basic", b"Basic !!!", b"Bearer server-key==", basic(""), basic("server-key"), basic("SERVER-KEY=="),
     basic("", "server-key=="), b"Basic " + b"A" * 5_000, b"Basic " + base64.b64encode(b"\xff\xfe:")],
)  # fmt: skip
def test_anything_else_is_not(header: bytes) -> None:
    assert KEYS.by_header(header) is None


@pytest.mark.parametrize("secret", [None, 5, ["public-key"], "", "public-ke", "x" * 10_000, "\ud800"])
def test_a_key_in_the_body_is_a_text(secret: object) -> None:
    assert KEYS.by_secret(secret) is None


def test_without_keys_nobody_is_known() -> None:
    assert len(WriteKeys.parse("")) == 0
    assert WriteKeys.parse("").by_secret("") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("just-a-key", "is a list such as"),
        ("a=secret-key-1,a=secret-key-2", "has a name or a key twice"),
        ("a=secret-key-1,b=secret-key-1", "has a name or a key twice"),
        ('{"a": "secret-key-1", "a": "secret-key-2"}', "has a name or a key twice"),
        ("a b=secret-key-1", "a name in MARKETFLOW_WRITE_KEYS"),
        ("a:secret=secret-key-1", "a name in MARKETFLOW_WRITE_KEYS"),
        ("a=secret", "the write key a needs 8 to 200"),
        ("a=secret:key-1", "the write key a needs 8 to 200"),
        ('{"a": ', "is not JSON of the form"),
        ('{"a": "secret-key-1"', "is not JSON of the form"),
    ],
)
def test_a_wrong_setting_says_what_is_wrong_without_the_key(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refused:
        WriteKeys.parse(text)
    assert "secret-key" not in str(refused.value)


class Watch:
    """Time as the test says it is."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_key_may_send_ten_seconds_worth_at_once_and_then_its_rate() -> None:
    watch = Watch()
    rates = Rates(10, watch)
    assert rates.wait("a", 10 * BURST_SECONDS) == 0
    assert rates.wait("a", 5) == 0.5
    assert rates.wait("b", 5) == 0
    watch.now += 0.5
    assert rates.wait("a", 5) == 0
    assert rates.wait("a", 1) == pytest.approx(0.1)


def test_a_batch_that_is_larger_than_the_bucket_passes_when_it_is_full_and_is_paid_for() -> None:
    watch = Watch()
    rates = Rates(10, watch)
    assert rates.wait("a", 150) == 0
    assert rates.wait("a", 1) == pytest.approx(5.1)


def test_nothing_is_saved_up_beyond_the_burst() -> None:
    watch = Watch()
    rates = Rates(1, watch)
    assert rates.wait("a", 10) == 0
    watch.now += 1_000
    assert rates.wait("a", 10) == 0
    assert rates.wait("a", 1) == 1


def test_no_limit() -> None:
    assert [Rates(0).wait("a", 10_000) for _ in range(3)] == [0, 0, 0]
