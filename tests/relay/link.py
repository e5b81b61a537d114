"""A slow link: passes bytes on between a client and a server at a rate, and each end's end to the other."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

#: What a link holds on its own: little, so that both ends feel each other.
BLOCK = 16 << 10


@contextmanager
def throttled(url: str, rate: float) -> Iterator[str]:
    """Serve the server at `url` over a link of `rate` bytes a second each way; yields the address to go to."""
    target = urlsplit(url)
    open_: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BLOCK)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listener.accept()
                    far = socket.create_connection((target.hostname or "", target.port or 80))
                    open_.extend((near, far))
                    for ends in ((near, far), (far, near)):
                        threading.Thread(target=_carry, args=(*ends, rate), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield "http://{}:{}".format(*listener.getsockname())
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for sock in open_:
                sock.close()


def _carry(source: socket.socket, target: socket.socket, rate: float) -> None:
    began, carried = time.monotonic(), 0
    try:
        while block := source.recv(BLOCK):
            carried += len(block)
            time.sleep(max(0.0, began + carried / rate - time.monotonic()))  # this is what the link is
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # one end is gone, and what was on its way to it with it
        for sock in (source, target):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
