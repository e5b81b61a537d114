"""Clients that hand in one file after another, whatever happens, and remember what they were told."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from tests.faults.handing import BROKEN, DURABLE, Kind, hand_in
from tests.faults.oracle import ACCEPTED, Handed
from tests.faults.world import World
from tests.relay.house import House
from tests.relay.sending import ask
from tests.tenancy import becomes

#: From one hand-in to a client's next; and to the next after one of which it was told nothing.
GAP_SECONDS, BROKEN_SECONDS = 0.02, 0.1


class Stream:
    """So many clients at once, each at any node, for any of the houses; every third takes its time."""

    def __init__(
        self,
        world: World,
        houses: Sequence[House],
        *,
        seed: int,
        clients: int = 4,
        kinds: Sequence[Kind] = DURABLE,
        gap: float = GAP_SECONDS,
    ) -> None:
        self.handed: list[Handed] = []
        self._world = world
        self._houses = houses
        self._kinds = kinds
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
        while not self._stopping.is_set():
            house = replace(chance.choice(self._houses), gateway=chance.choice(self._world.nodes).server)
            pause = self._stopping if chance.random() < 0.3 else None
            one = hand_in(house, chance.choice(self._kinds), chance, pause=pause)
            with self._lock:
                self.handed.append(one)
            self._stopping.wait(BROKEN_SECONDS if one.status is None else self._gap)


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
