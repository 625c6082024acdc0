"""A way to a server that can stop passing on what is said, as a host that is frozen or a firewall that drops does."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class SwallowingProxy:
    """Passes bytes to `port` of this machine; once a connection has said `word` while `swallows` is set, none of it any more."""

    def __init__(self, port: int, word: bytes) -> None:
        self._to, self._word = port, word
        self.swallows = threading.Event()
        self.swallowed = threading.Semaphore(0)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self.break_off()

    def break_off(self) -> None:
        """End all connections."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._open += [client, server]
                threading.Thread(target=self._pass, args=(client, server), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client), daemon=True).start()

    def _pass(self, source: socket.socket, to: socket.socket) -> None:
        is_lost = False
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if not is_lost and self.swallows.is_set() and self._word in data:
                    is_lost = True
                    self.swallowed.release()
                if not is_lost:
                    to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_RDWR)
