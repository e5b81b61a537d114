"""One address in front of several nodes, over a line that breaks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Final, Self
from urllib.parse import urlsplit

#: What one connection carries towards a node before it breaks.
CUT_AFTER: Final = 256 << 10
BLOCK: Final = 1 << 14


class Splitter:
    """Takes connections and gives them to the nodes in turn; one that is dead has to be forgotten."""

    def __init__(self, listener: socket.socket, nodes: Sequence[str]) -> None:
        self.url: Final = "http://{}:{}".format(*listener.getsockname())
        self._listener = listener
        self._nodes = list(nodes)
        self._turn = count()
        self._counting = threading.Condition()
        self._open: dict[str, set[socket.socket]] = {node: set() for node in nodes}
        #: Connections that broke, and bytes that came through towards the nodes.
        self.cuts = 0
        self.carried = 0

    @classmethod
    @contextmanager
    def before(cls, *nodes: str) -> Iterator[Self]:
        """Run one."""
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            yield cls.at(listener, *nodes)

    @classmethod
    def at(cls, listener: socket.socket, *nodes: str) -> Self:
        """Run one until its listener is closed; nodes that have to know its address are started after that is known."""
        splitter = cls(listener, nodes)
        threading.Thread(target=splitter._serve, daemon=True).start()
        return splitter

    def forget(self, node: str) -> None:
        """Send nobody to a node any more: it is dead."""
        with self._counting:
            self._nodes.remove(node)
            for connection in self._open.pop(node):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def wait_for(self, carried: int, seconds: float = 60.0) -> bool:
        """Whether so many bytes came through in time."""
        with self._counting:
            return self._counting.wait_for(lambda: self.carried >= carried, seconds)

    def _serve(self) -> None:
        with suppress(OSError):  # it is closed at the end
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._split, args=(client,), daemon=True).start()

    def _split(self, client: socket.socket) -> None:
        node = self._connect()
        back = threading.Thread(target=self._carry_back, args=(node, client), daemon=True)
        back.start()
        with suppress(OSError):
            left = CUT_AFTER
            while block := client.recv(min(BLOCK, left)):
                node.sendall(block)
                left -= len(block)
                with self._counting:
                    self.carried += len(block)
                    self._counting.notify_all()
                if left == 0:
                    with self._counting:
                        self.cuts += 1
                    break
        for end in (client, node):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        back.join()
        client.close()
        node.close()

    def _connect(self) -> socket.socket:
        with self._counting:
            url = self._nodes[next(self._turn) % len(self._nodes)]
            place = urlsplit(url)
            node = socket.create_connection((place.hostname or "", place.port or 0))
            self._open[url].add(node)
            return node

    def _carry_back(self, node: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):  # a node that was killed resets
            while block := node.recv(BLOCK):
                client.sendall(block)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
