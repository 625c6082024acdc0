"""Who asks: kinds of programs from what they say of themselves, and the network without the address."""

from __future__ import annotations

import pytest

from campaign_shop import RING
from marketflow.edge.clients import client_kind, network_hash, trusted_proxies
from marketflow.shared import ConfigurationError

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
SAID = {
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)": "gmail_proxy",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 "
    "Edge/12.246 Mozilla/5.0": "gmail_proxy",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html": "yahoo_proxy",
    "Mozilla/5.0": "apple_mail_proxy",
    "Barracuda Sentinel (EE)": "security_program",
    "Mozilla/5.0 (compatible; Proofpoint URL Defense)": "security_program",
    "python-requests/2.32": "robot",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)": "robot",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36": "robot",
    "Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36": "chrome",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.4": "thunderbird",
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.17328)": "outlook",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} Mobile/15E148": "apple_mail",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} Version/18.1 Mobile/15E148 Safari/604.1": "safari",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} CriOS/130 Mobile/15E148 Safari/604.1": "chrome",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36 Edg/131.0": "edge",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0": "firefox",
    "": "unnamed",
    "  ": "unnamed",
    "Something/1": "other",
    "x" * 100_000: "other",
}


@pytest.mark.parametrize(("said", "kind"), SAID.items(), ids=[f"{n}-{kind}" for n, kind in enumerate(SAID.values())])
def test_a_program_is_known_by_what_it_says(said: str, kind: str) -> None:
    assert client_kind(said) == kind


def network(peer: str | None, *forwarded: str, proxies: str = "none") -> str | None:
    return network_hash(RING, peer, forwarded, trusted_proxies(proxies))


def test_a_network_is_hashed_with_the_key_and_not_the_address() -> None:
    assert network("8.8.8.8") == network("8.8.8.255") != network("8.8.9.8")
    assert network("2001:4860:1:2::1") == network("2001:4860:1:ffff::9") != network("2001:4860:2::1")
    assert network("::ffff:8.8.8.8") == network("8.8.8.8")
    assert len(network("8.8.8.8") or "") == 32


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "::1", "fe80::1", "", None, "nonsense"])
def test_a_network_of_ones_own_says_nothing(peer: str | None) -> None:
    assert network(peer) is None


def test_only_the_proxies_named_are_believed() -> None:
    assert network("8.8.8.8", "9.9.9.9") == network("8.8.8.8")
    assert network("10.0.0.1", "9.9.9.9") is None
    assert network("10.0.0.1", "1.1.1.1, 9.9.9.9", proxies="10.0.0.0/8") == network("9.9.9.9")
    assert network("10.0.0.1", "9.9.9.9", "10.0.0.2", proxies="10.0.0.0/8") == network("9.9.9.9")
    assert network("10.0.0.1", "forged, nonsense", proxies="10.0.0.0/8") is None
    assert network("10.0.0.1", proxies="10.0.0.0/8") is None
    with pytest.raises(ConfigurationError, match="MARKETFLOW_EDGE_PROXIES"):
        trusted_proxies("10.0.0.0/33")
