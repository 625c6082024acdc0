"""What kind of program asks, in a word; the user agent itself is kept nowhere.

A short table of our own: of the libraries for this, those with a licence that we may take along know browsers well, and
neither the image proxies of mail services nor the programs that test links for companies, which is what counts here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from marketflow.privacy import KeyRing
from marketflow.shared import ConfigurationError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_LONGEST = 512
# The first that fits: words, as regular expressions, that a program of the kind says of itself.
_WORDS: dict[str, str] = {
    "gmail_proxy": r"googleimageproxy ggpht\.com edge/12\.246\smozilla/5\.0",
    "yahoo_proxy": r"yahoomailproxy yahoo!?\s?mail\s?proxy",
    "apple_mail_proxy": r"\Amozilla/5\.0\Z",  # Mail Privacy Protection says this and no more
    "other_proxy": r"image\s?proxy mailproxy camo\sasset\sproxy",
    "security_program": r"""
        barracuda mimecast proofpoint urldefense symantec messagelabs trend\s?micro forcepoint fireeye trellix zscaler
        sophos ironport talos bitdefender kaspersky \beset\b safelinks check\s?point avanan paloalto cloudmark vade
        hornetsecurity mailguard virustotal urlscan fortinet fortiguard spamassassin mailscanner
    """,
    "robot": r"""
        (?<!cu)bot\b (?<!cu)bot[_-] crawl spider slurp preview facebookexternalhit whatsapp python curl/ wget libwww
        java/ perl go-http-client headless phantomjs selenium puppeteer playwright scrapy node-fetch axios guzzle ruby
        postman apache-httpclient monitor scan
    """,
    "thunderbird": "thunderbird",
    "outlook": "outlook ms-?office",
    "samsung": "samsungbrowser",
    "edge": r"\bedg[ea]?(?:ios)?/",
    "opera": r"\bopr/ \bopera",
    "firefox": "firefox/ fxios/",
    "chrome": "chrome/ crios/",
    "apple_mail": r"(?:iphone|ipad|macintosh)(?!.*safari/).*applewebkit",
    "safari": "safari/",
}
_KINDS = {kind: re.compile("|".join(words.split())) for kind, words in _WORDS.items()}


@lru_cache(4_096)
def client_kind(user_agent: str) -> str:
    """`gmail_proxy`, `security_program`, `chrome` ...; `unnamed` for a program that says nothing, else `other`."""
    said = user_agent[:_LONGEST].strip().lower()
    if not said:
        return "unnamed"
    return next((kind for kind, pattern in _KINDS.items() if pattern.search(said)), "other")


def trusted_proxies(text: str) -> tuple[Network, ...]:
    """`10.0.0.0/8, 192.0.2.7` as networks, `none` as none; raises ConfigurationError."""
    if text == "none":
        return ()
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ConfigurationError(
            "MARKETFLOW_EDGE_PROXIES: not a list of networks such as 10.0.0.0/8, 192.0.2.7"
        ) from None


def network_hash(keys: KeyRing, peer: str | None, forwarded: Iterable[str], proxies: Sequence[Network]) -> str | None:
    """Keyed hash (32 hex digits) of the /24 or /48 that a request comes from; None where that is not known.

    `peer` is the other end of the connection, `forwarded` the values of X-Forwarded-For, believed as far as they were
    written by `proxies`. The address of a proxy, or of a network of one's own, tells nothing about the reader.
    """
    address = _address(peer or "")
    hops = [hop for line in forwarded for hop in line.split(",")]
    while address is not None and any(address in network for network in proxies):
        address = _address(hops.pop().strip()) if hops else None
    if address is None or not address.is_global:
        return None
    network = ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False)
    return keys.keyed_hash(f"network\x1f{network}")[:16].hex()


def _address(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
