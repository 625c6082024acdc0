"""A message as bytes (RFC 5322, MIME).

Written by hand from the standard library's encoders: its `EmailMessage` makes some 365 multipart messages a second,
this some twenty thousand, since lines that stand in every mail of a campaign are encoded once. What it makes is checked
against the library's parser.

Nothing that a person wrote can become a header: line breaks and other controls in a name or subject turn into spaces.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from email.utils import format_datetime, parseaddr
from functools import lru_cache

from marketflow.campaigns.delivery.channel import OutgoingMessage
from marketflow.campaigns.delivery.dkim import DkimSigner
from marketflow.shared import ConfigurationError
from marketflow.shared.ids import PROVIDER_ARGUMENT

_EOL = re.compile(r"\r\n|\r|\n")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # RFC 5322, 3.2.3, without the dot
_UNSAFE_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f<>,;\"()\\]")
_LINK_SIGNS = ("://", "www.", "@")
_JOINERS = "\u200c\u200d"  # part of Persian words, Indic letters and family emoji
_LINE, _WORD, _LONGEST_NAME = 76, 39, 100
_LINES_KEPT = 4_096  # encoded lines, of some 100 bytes: a campaign's templates have fewer
_ASCII = bytes(range(0x80))


class MessageRefused(ValueError):
    """The message cannot be written; `reason` is a code for the ledger."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def envelope_address(address: str) -> str:
    """The address for the envelope and the To line; an international domain as DNS has it (IDNA 2008, UTS 46).

    Raises MessageRefused `address_malformed`, or `address_not_ascii` for what stands before the @ (it would need RFC
    6531, which few relays offer).
    """
    local, at, domain = address.rpartition("@")
    if not (at and local and domain) or _UNSAFE_IN_ADDRESS.search(address):
        raise MessageRefused("address_malformed")
    if not local.isascii():
        raise MessageRefused("address_not_ascii")
    return address if domain.isascii() else f"{local}@{_ascii_domain(domain)}"


def _ascii_domain(domain: str) -> str:
    import idna  # few need it

    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise MessageRefused("address_malformed") from None  # the cause would show the address


@lru_cache(16)
def split_sender(sender: str) -> tuple[str, str]:
    """(name, address) of `Shop <shop@example.com>`; raises ConfigurationError."""
    name, address = parseaddr(sender)
    try:
        return name, envelope_address(address)
    except MessageRefused:
        raise ConfigurationError("the sender must be of the form `Name <name@example.com>`") from None


def compose(message: OutgoingMessage, sender: str, signer: DkimSigner | None = None) -> bytes:
    """The whole message, CRLF line ends, 7 bit, signed if there is a signer; raises MessageRefused.

    List-Id tells vacation responders not to answer (RFC 5230, 4.6), so Auto-Submitted is not needed: that is for
    answers and reports (RFC 3834), which this is not.
    """
    name, address = split_sender(sender)
    headers = [
        ("From", _mailbox(name, address)),
        ("To", _mailbox(message.name, envelope_address(message.address))),
        ("Subject", _words("Subject", message.subject)),
        ("Date", format_datetime(message.written_at)),
        ("Message-ID", f"<{_one_line(message.message_id).strip('<>')}>"),
        ("List-Id", f"<{_one_line(message.campaign)}.{address.rpartition('@')[2]}>"),
        *_unsubscribe(message.unsubscribe_url),
        ("Feedback-ID", _feedback_id(message, address)),
        *_for_provider(message.provider_token),
        ("MIME-Version", "1.0"),
        *(parts := _body(message))[0],
    ]
    body = parts[1]
    head = "".join([f"{key}: {value}\r\n" for key, value in headers])
    signature = signer.header(headers, body, message.written_at) if signer is not None else ""
    return f"{signature}{head}\r\n".encode("ascii") + body


def _feedback_id(message: OutgoingMessage, sender: str) -> str:
    """What Gmail's Postmaster Tools count complaints by: campaign, day, channel, and a name of the sender.

    Nothing in it is a person's own: the day that the message was written, not its occasion, which may be an order.
    """
    name = re.sub("[^a-z0-9]", "", sender.rpartition("@")[2].lower())[:15].ljust(5, "0")
    return f"{_one_line(message.campaign)}:{message.written_at:%Y-%m-%d}:email:{name}"


def _unsubscribe(url: str | None) -> list[tuple[str, str]]:
    """RFC 2369 and RFC 8058; the second only because the service behind the link answers a POST at once."""
    if url is None:
        return []
    return [("List-Unsubscribe", f"<{_one_line(url)}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]


def _for_provider(token: str | None) -> list[tuple[str, str]]:
    """SendGrid's "unique arguments" (SMTP API), which come back with each event; it takes the header out.

    Not among the signed headers (`dkim`), or the signature would no longer fit. The token holds nothing personal:
    SendGrid keeps such arguments for good.
    """
    if token is None:
        return []
    return [("X-SMTPAPI", f'{{"unique_args":{{"{PROVIDER_ARGUMENT}":"{_one_line(token)}"}}}}')]


def _body(message: OutgoingMessage) -> tuple[list[tuple[str, str]], bytes]:
    """The headers that say what the body is, and the body."""
    if message.html is None:
        encoding, data = _encoded_part(message.text)
        return [("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", encoding)], data
    # "=_" stands in neither quoted-printable nor base64 (RFC 2045, 6.7): no part can hold the boundary
    boundary = "=_" + hashlib.sha256(message.message_id.encode()).hexdigest()[:24]
    line = boundary.encode()
    parts = (_part(b"plain", message.text), _part(b"html", message.html))
    data = b"".join((*(b"--%b\r\n%b\r\n" % (line, part) for part in parts), b"--%b--\r\n" % line))
    return [("Content-Type", f'multipart/alternative; boundary="{boundary}"')], data


def _part(kind: bytes, text: str) -> bytes:
    encoding, data = _encoded_part(text)
    head = b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n"
    return head % (kind, encoding.encode()) + data


def _encoded_part(text: str) -> tuple[str, bytes]:
    flat = _EOL.sub("\n", text) if "\r" in text else text
    data = flat.rstrip("\n").encode("utf-8", "replace")
    if not flat.isascii() and 4 * len(data.translate(None, _ASCII)) > len(data):
        whole = data.replace(b"\n", b"\r\n") + b"\r\n"
        return "base64", base64.encodebytes(whole).replace(b"\n", b"\r\n")
    return "quoted-printable", b"\r\n".join(map(_quoted, data.split(b"\n"))) + b"\r\n"


@lru_cache(_LINES_KEPT)
def _quoted(line: bytes) -> bytes:
    """One line in quoted-printable: no line depends on its neighbours (RFC 2045, 6.7)."""
    return binascii.b2a_qp(line).replace(b"\n", b"\r\n")


def _mailbox(name: str | None, address: str) -> str:
    flat = _one_line(name or "")[:_LONGEST_NAME].strip()
    if not flat or any(sign in flat.lower() for sign in _LINK_SIGNS):
        return address  # a "name" with a link in it is somebody's advertisement
    if flat.isascii() and "=?" not in flat:
        phrase = flat if _ATOMS.fullmatch(flat) else '"' + re.sub(r'(["\\])', r"\\\1", flat) + '"'
    else:
        phrase = _encoded(flat)
    return f"{phrase}\r\n <{address}>" if len(phrase) + len(address) > _LINE else f"{phrase} <{address}>"


def _words(header: str, text: str) -> str:
    flat = _one_line(text)
    if flat.isascii() and "=?" not in flat and len(header) + 2 + len(flat) <= _LINE:
        return flat
    return _encoded(flat)


def _encoded(text: str) -> str:
    """RFC 2047 encoded words of whole characters, one a line; short enough for a header's name beside the first."""
    words = [b""]
    for char in text:
        sign = char.encode()
        if len(words[-1]) + len(sign) > _WORD:
            words.append(b"")
        words[-1] += sign
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in words)


def _one_line(text: str) -> str:
    """Controls, separators, overrides of direction and what is not Unicode become spaces; runs of space become one."""
    if text.isascii() and text.isprintable():
        return (re.sub(" {2,}", " ", text) if "  " in text else text).strip(" ")
    kept = (c if c in _JOINERS or unicodedata.category(c)[0] not in "CZ" else " " for c in text)
    return re.sub(" {2,}", " ", "".join(kept)).strip(" ")
