"""Clients that hand in one file after another, whatever happens, and remember what they were told."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

from tests.faults.oracle import ACCEPTED, Handed
from tests.faults.world import World
from tests.relay import files
from tests.relay.house import House
from tests.relay.sending import Sending, ask
from tests.tenancy import becomes

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is handed in; each file of it is another."""

    operation: str
    type: str
    sizes: tuple[int, ...] = (3 * KIB, 40 * KIB, 3 * MIB)

    @property
    def connection(self) -> str:
        return self.operation.partition("/")[0]

    def make(self, chance: random.Random) -> tuple[str, str, bytes]:
        """File name, type and content."""
        filename, content_type, make = files.MAKERS[self.type]
        token, content = secrets.token_hex(16), make(chance.choice(self.sizes))
        at = content.index(b"stream\n") + 7 if self.type == "pdf" else content.index(b"\n") + 1
        head, rest = content[:at], content[at + len(token) :]
        if self.type == "csv":
            token, rest = f"{token},1\n", content[at:]
        return f"{token[:12]}-{filename}", content_type, head + token.encode() + rest

    def fields(self, house: House, filename: str) -> dict[str, str]:
        if self.operation == "formkiq/document":
            return {"path": f"{house.organization.slug}/{filename}"}
        return {"title": filename} if self.connection == "factify" else {}


KINDS: Final = (
    Kind(operation="flatfile/file", type="csv"),
    Kind(operation="codat/file", type="csv"),
    Kind(operation="factify/document", type="pdf"),
    Kind(operation="formkiq/document", type="pdf"),
)
BROKEN: Final = (OSError, http.client.HTTPException, ValueError)


def hand_in(
    house: House, kind: Kind, chance: random.Random, *, query: str = "", pause: threading.Event | None = None
) -> Handed:
    """Hand one in and say what was told; `pause`: half-way, for a moment or until it is set."""
    filename, content_type, content = kind.make(chance)
    handed = Handed(
        organization=house.organization.slug,
        operation=kind.operation,
        filename=filename,
        sha256=hashlib.sha256(content).hexdigest(),
        key=house.places[kind.connection].key,
    )
    given = {"file": (filename, content_type, content)}
    with (
        suppress(*BROKEN),
        Sending(house, kind.operation, files=given, fields=kind.fields(house, filename), query=query) as sending,
    ):
        if pause is not None:
            sending.give_share(0.5)
            pause.wait(0.3)
        answer = sending.give().answer()
        body = answer.body if isinstance(answer.body, dict) else {}
        return replace(handed, status=answer.status, id=body.get("id") or body.get("upload"))
    return handed


class Stream:
    """So many clients at once, each at any node, for any of the houses; every third takes its time."""

    def __init__(
        self,
        world: World,
        houses: Sequence[House],
        *,
        seed: int,
        clients: int = 4,
        kinds: Sequence[Kind] = KINDS,
        query: str = "",
        most: int | None = None,
        gap: float = 0.02,
    ) -> None:
        self.handed: list[Handed] = []
        self._world = world
        self._houses = houses
        self._kinds = kinds
        self._query = query
        self._left = most
        self._gap = gap
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"{seed} {number}"),), daemon=True)  # noqa: S311
            for number in range(clients)
        ]

    @property
    def accepted(self) -> int:
        """How many clients were told by now that theirs was taken."""
        with self._lock:
            return sum(one.status in ACCEPTED for one in self.handed)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self.join()

    def join(self) -> None:
        """Wait until every client has its last answer."""
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive(), "a client waits for ever"

    def _run(self, chance: random.Random) -> None:
        while not self._stopping.is_set() and self._another():
            house = replace(chance.choice(self._houses), gateway=chance.choice(self._world.nodes).server)
            pause = self._stopping if chance.random() < 0.3 else None
            one = hand_in(house, chance.choice(self._kinds), chance, query=self._query, pause=pause)
            with self._lock:
                self.handed.append(one)
            self._stopping.wait(0.2 if one.status is None else self._gap)

    def _another(self) -> bool:
        with self._lock:
            if self._left is None:
                return True
            self._left -= 1
            return self._left >= 0


def told_later(world: World, houses: Sequence[House], handed: Sequence[Handed]) -> list[Handed]:
    """The same, with what the API says of each now."""
    by_slug = {house.organization.slug: replace(house, gateway=world.nodes[0].server) for house in houses}
    found = []
    for one in handed:
        if one.id is None:
            found.append(one)
            continue
        house, path = by_slug[one.organization], f"/api/v1/uploads/{one.id}"
        answers: list[str] = []

        def answered(house: House = house, path: str = path, answers: list[str] = answers) -> bool:
            with suppress(*BROKEN, json.JSONDecodeError):
                answers.append(ask(house, "GET", path).body["state"])
            return bool(answers)

        assert becomes(answered, 30)
        found.append(replace(one, told=answers[-1]))
    return found
