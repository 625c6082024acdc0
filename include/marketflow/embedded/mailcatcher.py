"""The mail catcher: an SMTP server that keeps every mail and sends none on, and the page to read them.

`python -m marketflow.embedded.mailcatcher` runs both in one process, on this machine's loopback only.
"""

from __future__ import annotations

import asyncio
import logging

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session

from marketflow.embedded.config import Config
from marketflow.embedded.inbox import create_app
from marketflow.embedded.maildir import Inbox

HOST = "127.0.0.1"
_MAX_SIZE = 10 * 2**20


class Catcher:
    """Takes every mail for everybody (the names of the methods are aiosmtpd's)."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept a mail when it is on disk, and not before."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            mail_id = await asyncio.to_thread(
                self._inbox.add, content, envelope.mail_from or "", list(envelope.rcpt_tos)
            )
        except OSError:
            return "452 4.3.1 cannot write the mail to disk"
        return f"250 2.0.0 kept as {mail_id}"


async def serve(inbox: Inbox, *, smtp_port: int, http_port: int) -> None:
    """Serve both until SIGTERM or SIGINT."""
    await asyncio.to_thread(inbox.prepare)
    loop = asyncio.get_running_loop()
    handler = Catcher(inbox)
    smtp = await loop.create_server(
        lambda: SMTP(handler, data_size_limit=_MAX_SIZE, enable_SMTPUTF8=True, hostname="catcher.test", loop=loop),
        HOST,
        smtp_port,
    )
    web = uvicorn.Server(
        uvicorn.Config(create_app(inbox), host=HOST, port=http_port, access_log=False, log_level="warning")
    )
    async with smtp:
        await web.serve()


def main() -> None:
    """Run the catcher of this stack."""
    config = Config.from_env()
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # it would log addresses
    asyncio.run(serve(Inbox(home=config.mail), smtp_port=config.ports["smtp"], http_port=config.ports["mailbox"]))


if __name__ == "__main__":
    main()
