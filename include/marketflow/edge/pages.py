"""The pages: plain HTML that needs no script, in one look, with nothing in them but the shop's name."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #eef1f0; color: #22302c; font: 16px/1.55 "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 30rem; margin: 12vh auto 2rem; background: #fff; border-radius: 10px; overflow: hidden; }
header { background: #12463a; color: #fff; padding: 1.1rem 2rem; font-weight: 600; }
section { padding: 1.6rem 2rem 2rem; }
h1 { margin: 0 0 .8rem; font-size: 1.5rem; line-height: 1.3; color: #12463a; }
p { margin: 0 0 1rem; }
button { font: inherit; font-weight: 600; color: #fff; background: #12463a; border: 0; border-radius: 8px;
  padding: .75rem 1.5rem; cursor: pointer; }
button:hover { background: #0d352c; }
button:focus-visible { outline: 3px solid #7fb8a4; outline-offset: 2px; }
small { color: #5d6b66; }
@media (max-width: 34rem) { main { margin: 0; border-radius: 0; min-height: 100vh; } }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# The form posts to the page's own address and says what mail programs say (RFC 8058).
_FORM = (
    '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
    '<button type="submit">Unsubscribe</button></form>'
)


def ask(brand: str) -> HTMLResponse:
    """What the link in a mail shows. Looking at it changes nothing: mail scanners open links too."""
    words = f"<p>You will get no more offers by mail from {escape(brand)}. It takes effect at once.</p>"
    return _page(brand, "Unsubscribe from these mails?", f"{words}{_FORM}")


def done(brand: str) -> HTMLResponse:
    """After unsubscribing, the first time and any other."""
    words = "<p>We will send you no more offers by mail. There is nothing else you need to do.</p>"
    return _page(brand, "You are unsubscribed", f"{words}<p><small>You can close this page.</small></p>")


def unknown(brand: str) -> HTMLResponse:
    """For every address that is none of ours, whatever is wrong with it."""
    words = (
        "<p>It may have been cut off on its way: please use the link as it stands in the mail, or answer the mail "
        "and a person will unsubscribe you.</p>"
    )
    return _page(brand, "This link does not work", words, status=404)


def expired(brand: str) -> HTMLResponse:
    """For a link of ours that was made too long ago."""
    words = (
        f"<p>It is from an old mail of {escape(brand)}, and its offer is over. Please look for it on our site, or use "
        "a link of a newer mail.</p>"
    )
    return _page(brand, "This link has expired", words, status=410)


def later(brand: str) -> HTMLResponse:
    """While the warehouse cannot be reached."""
    words = (
        "<p>We could not record it just now, so nothing has changed yet. Please try again in a few minutes, "
        "with the same link.</p>"
    )
    return _page(brand, "Please try again soon", words, status=503, more={"Retry-After": "120"})


def refused(brand: str, status: int) -> HTMLResponse:
    """For requests that no mail program or browser makes."""
    return _page(brand, "That did not work", "<p>Please use the link as it stands in the mail.</p>", status=status)


def _page(brand: str, title: str, body: str, *, status: int = 200, more: dict[str, str] | None = None) -> HTMLResponse:
    html = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><header>{escape(brand)}</header><section><h1>{escape(title)}</h1>{body}</section></main></body></html>"
    )
    return HTMLResponse(html, status_code=status, headers=_HEADERS | (more or {}))
