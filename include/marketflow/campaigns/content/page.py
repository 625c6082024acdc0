"""A page that shows messages beside one another: inbox line, desktop, phone, plain text; and what the lint found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from marketflow.campaigns.content.lint import Finding

_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light; }}
body {{ margin: 0; padding: 28px 32px 60px; background: #f4f5f4; color: #22302c;
  font: 15px/1.5 system-ui, sans-serif; }}
h1 {{ margin: 0 0 4px; font-size: 24px; }} h2 {{ margin: 36px 0 0; font-size: 19px; }}
h3 {{ margin: 22px 0 8px; font-size: 14px; font-weight: 600; color: #5d6b66; }}
.note {{ color: #5d6b66; margin: 0 0 18px; }}
.inbox {{ background: #fff; border: 1px solid #d8dedb; border-radius: 8px; padding: 10px 14px; margin: 0 0 12px;
  max-width: 1090px; box-sizing: border-box; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }}
.inbox b {{ margin-right: 8px; }} .inbox span {{ color: #7a8782; }}
.inbox i {{ color: #5d6b66; font-style: normal; margin-right: 14px; }}
.views {{ display: flex; gap: 16px; align-items: flex-start; flex-wrap: wrap; }}
figure {{ margin: 0; }} figcaption {{ font-size: 12px; color: #5d6b66; margin: 0 0 4px; }}
iframe {{ border: 1px solid #d8dedb; border-radius: 8px; background: #fff; height: 760px; }}
pre {{ box-sizing: border-box; width: 420px; max-height: 760px; overflow: auto; margin: 0; padding: 14px 16px;
  background: #fff; border: 1px solid #d8dedb; border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 13px/1.5 ui-monospace, monospace; }}
.findings {{ list-style: none; margin: 0 0 8px; padding: 0; max-width: 1090px; }}
.findings li {{ margin: 0 0 6px; padding: 8px 12px; border-radius: 6px; background: #fff6df;
  border: 1px solid #ecd9a0; }}
.findings .error {{ background: #fdeaea; border-color: #e6b5b5; }}
.findings code {{ margin-right: 8px; }}
</style></head><body>
"""
# frames are as high as what they show, also those that were there before this script; scripts in them do not run
_TAIL = """<script>
for (const frame of document.querySelectorAll("iframe")) {
  const fit = () => { frame.style.height = frame.contentDocument.documentElement.scrollHeight + 4 + "px"; };
  frame.addEventListener("load", fit);
  fit();
}
</script></body></html>
"""
_DESKTOP, _PHONE = 640, 375


@dataclass(frozen=True)
class Shown:
    """A message and for whom it is, in words; a post has neither subject nor HTML."""

    whom: str
    subject: str
    preheader: str
    text: str
    html: str | None


def page(title: str, sender: str, groups: Sequence[tuple[str, Sequence[Shown]]], findings: Sequence[Finding]) -> str:
    """HTML for a browser, complete in itself; `groups` are messages by language."""
    parts = [_HEAD.format(title=escape(title)), f"<h1>{escape(title)}</h1>"]
    parts.append('<p class="note">Names are masked, links to unsubscribe are no real ones.</p>')
    parts.append(_findings(findings))
    for tag, messages in groups:
        parts.append(f'<section lang="{escape(tag)}"><h2>{escape(tag)}</h2>')
        parts += [_message(sender, message) for message in messages]
        parts.append("</section>")
    return "\n".join([*parts, _TAIL])


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return '<p class="note">The lint has nothing to say.</p>'
    items = [
        f'<li class="{f.severity}"><code>{escape(f.place)}</code>{f.severity}: {escape(f.words)}</li>' for f in findings
    ]
    return f'<ul class="findings">{"".join(items)}</ul>'


def _message(sender: str, message: Shown) -> str:
    inbox = ""
    if message.subject:
        name, line = escape(sender.partition("<")[0].strip()), f"<b>{escape(message.subject)}</b>"
        inbox = f'<div class="inbox"><i>{name}</i>{line}<span>{escape(message.preheader)}</span></div>'
    views = [_frame("desktop", _DESKTOP, message.html), _frame("phone", _PHONE, message.html)] if message.html else []
    views.append(f"<figure><figcaption>plain text</figcaption><pre>{escape(message.text)}</pre></figure>")
    return f'<h3>{escape(message.whom)}</h3>{inbox}<div class="views">{"".join(views)}</div>'


def _frame(name: str, width: int, html: str) -> str:
    return (
        f'<figure><figcaption>{name}, {width} px</figcaption><iframe sandbox="allow-same-origin" title="{name}" '
        f'style="width:{width}px" srcdoc="{escape(html)}"></iframe></figure>'
    )
