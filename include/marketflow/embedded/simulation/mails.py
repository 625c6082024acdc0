"""What a caught mail lets its reader do: its picture, links and way out, where they lead to the edge service."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from marketflow.embedded.maildir import body, header, parse


@dataclass(frozen=True, kw_only=True)
class Handles:
    """A mail's Message-ID (without brackets) and addresses; `clicks` in the order of the mail, each once."""

    message_id: str
    pixel: str | None
    clicks: tuple[str, ...]
    unsubscribe: str | None


def handles(content: bytes, edge_url: str) -> Handles:
    """Those of one mail that lead to the edge service at `edge_url`; no other address is ever asked for anything."""
    message = parse(content)
    links = _Links(edge_url.rstrip("/"))
    links.feed(body(message, "html") or "")
    links.close()
    leave = header(message, "List-Unsubscribe").strip("<> ")
    return Handles(
        message_id=header(message, "Message-ID").strip("<> "),
        pixel=links.pixel,
        clicks=tuple(dict.fromkeys(links.clicks)),
        unsubscribe=leave if leave.startswith(f"{links.edge_url}/u/") else None,
    )


@dataclass
class _Links(HTMLParser):
    edge_url: str
    pixel: str | None = None
    clicks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        address = found.get("src" if tag == "img" else "href") or ""
        if tag == "img" and address.startswith(f"{self.edge_url}/o/"):
            self.pixel = address
        elif tag == "a" and address.startswith(f"{self.edge_url}/c/"):
            self.clicks.append(address)
