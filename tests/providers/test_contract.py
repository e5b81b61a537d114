"""What holds for every provider, whatever it is answered: each operation, each request, each way to go wrong.

The provider behind the answers is a true one (`tests/providers/samples.py`): it holds what arrived, and the outcome has
to agree with it. What cannot be known has to be called so.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

import pytest

from app.providers import registry
from app.providers.base import (
    Chooses,
    Deletes,
    Downloads,
    Ending,
    Follows,
    Gets,
    HandIn,
    Lists,
    Outcome,
    Reconciles,
    Renews,
    Unavailable,
    Verdict,
)
from app.providers.operation import Operation
from app.providers.wire import Answer, Cause, NoAnswer, Outgoing, Reply
from app.words import WORDS
from tests.providers.samples import NOW, SAMPLES, Fake, Sample

D, F, R, U, C, X = (
    *(Ending.DELIVERED, Ending.FAILED, Ending.RETRY, Ending.UNKNOWN, Ending.CREDENTIAL),
    Ending.REJECTED,
)
#: More requests than any way there and back needs.
MOST_REQUESTS: Final = 25
#: Statuses after which something may have arrived all the same.
DOUBTFUL: Final = frozenset({408, 425, *range(500, 600)})

#: One of each kind, where all of them would tell nothing more.
SOME: Final = (200, 201, 204, 302, 400, 401, 402, 403, 404, 408, 409, 413, 422, 425, 429, 499, 500, 503, 599)
LOOKED_INTO: Final = frozenset({200, 201, 400, 403, 404, 409, 500})
GOOD: Final = Reply(status=200, body=b'{"id": 1}')

CASES: Final = [
    pytest.param(operation, size, id=f"{operation.slug}-{size}")
    for operation in registry.operations()
    for size in SAMPLES[operation.provider].sizes
]
PROVIDERS: Final = pytest.mark.parametrize("slug", list(registry.PROVIDERS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An answer that takes the place of the true one."""

    answer: Answer
    #: The provider did what it was asked all the same.
    arrives: bool = False


#: What goes wrong with a request: by which of them it is.
Faults = Callable[[int, Outgoing], Fault | None]


@dataclass(slots=True)
class Played:
    """What came of a generator."""

    result: Any
    fake: Fake
    asked: list[Outgoing]

    @property
    def handed_in(self) -> int | None:
        """Which of the requests handed in."""
        return next((at for at, one in enumerate(self.asked) if one.hands_in), None)


def play(steps: Generator[Outgoing, Answer, Any], fake: Fake, faults: Faults) -> Played:
    asked: list[Outgoing] = []
    try:
        outgoing = next(steps)
        while True:
            asked.append(outgoing)
            assert len(asked) <= MOST_REQUESTS, "it never ends"
            outgoing = steps.send(_answer(outgoing, fake, faults(len(asked) - 1, outgoing)))
    except StopIteration as end:
        assert sum(one.hands_in for one in asked) <= 1
        return Played(end.value, fake, asked)


def _answer(outgoing: Outgoing, fake: Fake, fault: Fault | None) -> Answer:
    if fault is None or fault.arrives:
        true = fake.answer(outgoing)
    answer = true if fault is None else fault.answer
    if outgoing.sink is not None and isinstance(answer, Reply) and answer.ok:
        outgoing.sink.feed(answer.body)
        answer = replace(answer, body=b"")
    return answer


def none(_at: int, _outgoing: Outgoing) -> None:
    return None


def at(faults: Mapping[int, Fault]) -> Faults:
    return lambda at, _outgoing: faults.get(at)


def storm(since: int, fault: Fault) -> Faults:
    """From some request on all go wrong alike; only the file's can be withdrawn, and only what was sent arrives."""
    withdrawn = isinstance(fault.answer, NoAnswer) and fault.answer.cause == "withdrawn"
    return lambda at, _outgoing: fault if at == since or (at > since and not withdrawn) else None


class Contract:
    """One operation of one provider, to be played again and again."""

    def __init__(self, operation: Operation, size: int) -> None:
        self.operation = operation
        self.provider = registry.provider(operation.provider)
        self.sample: Sample = SAMPLES[operation.provider]
        self.size = size

    def deliver(self, faults: Faults = none) -> Played:
        handin = self.sample.handin(self.operation, self.size)
        fake = self.sample.fake(self.operation, handin)
        played = play(self.provider.deliver(self.operation, handin, self.sample.account), fake, faults)
        assert isinstance(played.result, Outcome)
        assert played.result.ending is D or WORDS[str(played.result.problem)]
        return played

    def later(self, *, held: bool) -> tuple[HandIn, Fake]:
        """What a record tells later of an upload, and the provider that has it or not."""
        good = self.deliver()
        assert good.handed_in is not None
        outgoing = good.asked[good.handed_in]
        handin = replace(
            good.fake.handin, fields={}, secrets={}, baseline=outgoing.baseline, reference=good.result.reference
        )
        fake = self.sample.fake(self.operation, handin)
        if held:
            for one in good.asked[: good.handed_in + 1]:
                fake.answer(one)
        return handin, fake


def bodies(good: bytes) -> Iterator[bytes]:
    """Everything that a body can be and should not."""
    yield from (b"", b"{}", b"[]", b'"text"', b"7", b"null", b"<html>", b"\xff\x00", b"[" * 10_000, b'{"a": {}}')
    yield from (b'{"message": 7, "error": [], "errors": 7, "code": {}, "details": "x", "validation": []}',)
    yield from (b'{"errors": [7, {"key": 7, "error": null, "message": {}}], "data": 7, "documents": {}}',)
    yield from (good[: len(good) // 2], good + b"x")


def replies(good: Reply, statuses: Iterable[int]) -> Iterator[Reply]:
    """Every status, and every body with those whose bodies are looked into."""
    for status in statuses:
        for body in tuple(bodies(good.body)) if status in LOOKED_INTO else (b"", b"{}"):
            if (status, body) != (good.status, good.body):
                yield Reply(status=status, headers=good.headers, body=body)


def no_answers(outgoing: Outgoing) -> Iterator[Fault]:
    for cause in get_args(Cause):
        if cause == "withdrawn":
            if outgoing.hands_in:
                yield Fault(answer=NoAnswer(cause=cause, released=False))
            continue
        yield Fault(answer=NoAnswer(cause=cause, released=False))
        if cause not in {"egress", "connect"}:
            yield Fault(answer=NoAnswer(cause=cause, released=True))
            yield Fault(answer=NoAnswer(cause=cause, released=True), arrives=True)


def faults_of(outgoing: Outgoing, good: Reply = GOOD, statuses: Iterable[int] = SOME) -> Iterator[Fault]:
    """Whatever can become of a request."""
    yield from no_answers(outgoing)
    for answer in replies(good, statuses):
        if answer.ok:  # a provider that says yes has done it
            yield Fault(answer=answer, arrives=True)
        else:
            yield Fault(answer=answer)
            if answer.status in DOUBTFUL:
                yield Fault(answer=answer, arrives=True)


def allowed(fault: Fault) -> set[Ending]:
    """What the table of outcomes allows where the request that hands in is answered so, and every other truly."""
    if isinstance(fault.answer, NoAnswer):
        if fault.answer.released:
            return {D, U} if fault.arrives else {U, R}
        return {F} if fault.answer.cause in {"egress", "withdrawn"} else {R}
    status = fault.answer.status
    if status in DOUBTFUL:
        return {D, U} if fault.arrives else {R, F, U}
    if status < 300:
        return {D, U}
    exceptions = {401: {C, F}, 403: {C, F}, 409: {F, R}, 429: {R}}
    # 499 is Factify's for a request that was broken off.
    return exceptions.get(status, {F, U} if status == 499 else {F})


def true(played: Played) -> bool:
    """Whether an outcome says nothing but what is so."""
    if played.result.ending is D:
        return played.fake.held
    return played.result.ending is U or not played.fake.held


def lies(fault: Fault, outgoing: Outgoing) -> bool:
    """Whether it says that nothing is there, or gives other bytes: whom that deceives is not to blame."""
    if not isinstance(fault.answer, Reply):
        return False
    if outgoing.sink is not None:
        return fault.answer.ok or fault.answer.status == 404
    return fault.answer.ok and fault.answer.body == b"[]"


def test_every_provider_has_a_sample() -> None:
    assert SAMPLES.keys() >= registry.PROVIDERS.keys()


@pytest.mark.parametrize(("operation", "size"), CASES)
def test_all_well_is_delivered(operation: Operation, size: int) -> None:
    played = Contract(operation, size).deliver()
    assert (played.result.ending, played.fake.held) == (D, True)
    assert played.handed_in is not None


@pytest.mark.parametrize(("operation", "size"), CASES)
def test_one_answer_that_goes_wrong(operation: Operation, size: int) -> None:
    contract = Contract(operation, size)
    good = contract.deliver()
    assert good.handed_in is not None
    for step, outgoing in enumerate(good.asked):
        for fault in faults_of(outgoing, _good(contract, step), range(200, 600)):
            played = contract.deliver(at({step: fault}))
            ending = played.result.ending
            told = (step, fault, played.result)
            assert true(played) or lies(fault, outgoing), told
            assert ending is not C or outgoing.url is None, told
            if step < good.handed_in:
                assert ending is not U, told
                assert (ending is D) == (played.handed_in is not None), told
            elif step == good.handed_in:
                assert ending in allowed(fault), told
            else:
                assert ending in {D, U}, told


@pytest.mark.parametrize(("operation", "size"), CASES)
def test_all_that_follows_goes_wrong(operation: Operation, size: int) -> None:
    contract = Contract(operation, size)
    good = contract.deliver()
    for step, outgoing in enumerate(good.asked):
        for fault in faults_of(outgoing, _good(contract, step)):
            played = contract.deliver(storm(step, fault))
            assert true(played) or lies(fault, outgoing), (step, fault, played.result)
            if played.handed_in is None:
                assert played.result.ending is not U, (step, fault, played.result)


@pytest.mark.parametrize("arrives", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize(("operation", "size"), CASES)
def test_a_look_in_doubt_that_goes_wrong(operation: Operation, size: int, arrives: bool) -> None:
    """First the hand-in leaves a doubt, then each request of the look after it goes wrong."""
    contract = Contract(operation, size)
    handed_in = contract.deliver().handed_in
    assert handed_in is not None
    for doubt in (NoAnswer(cause="timeout", released=True), Reply(status=500, body=b"{}")):
        first = {handed_in: Fault(answer=doubt, arrives=arrives)}
        looked = contract.deliver(at(first))
        for step in range(handed_in + 1, len(looked.asked)):
            for fault in faults_of(looked.asked[step]):
                played = contract.deliver(at({**first, step: fault}))
                assert true(played) or lies(fault, looked.asked[step]), (doubt, step, fault, played.result)


@pytest.mark.parametrize("held", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize(("operation", "size"), CASES)
def test_a_later_look(operation: Operation, size: int, held: bool) -> None:
    contract = Contract(operation, size)
    assert isinstance(contract.provider, Reconciles)

    def look(faults: Faults) -> Played:
        handin, fake = contract.later(held=held)
        assert isinstance(contract.provider, Reconciles)
        played = play(contract.provider.reconcile(operation, handin, contract.sample.account), fake, faults)
        assert not any(one.hands_in for one in played.asked)
        return played

    good = look(none)
    assert good.result.ending is (D if held else F)
    for step, outgoing in enumerate(good.asked):
        for fault in faults_of(outgoing):
            for played in (look(at({step: fault})), look(storm(step, fault))):
                told = (step, fault, played.result)
                # RETRY and CREDENTIAL: nothing was learnt.
                assert true(played) or played.result.ending in {R, C} or lies(fault, outgoing), told
                assert played.result.ending is not X, told


@pytest.mark.parametrize(("operation", "size"), CASES)
def test_following(operation: Operation, size: int) -> None:
    contract = Contract(operation, size)
    if not isinstance(contract.provider, Follows):
        return
    handin, fake = contract.later(held=True)
    good = play(contract.provider.follow(operation, handin, contract.sample.account), fake, none)
    assert (good.result.ending, good.result.provider_status) == (D, "ready")
    for step, outgoing in enumerate(good.asked):
        for fault in faults_of(outgoing):
            steps = contract.provider.follow(operation, handin, contract.sample.account)
            played = play(steps, fake, storm(step, fault))
            assert isinstance(played.result, Outcome)
            assert (played.result.ending is D) == (played.result.provider_status is not None)


Looking = Callable[[], Generator[Outgoing, Answer, Any]]


def looks(slug: str) -> Iterator[tuple[str, Looking, bool]]:
    """All that only looks: its name, what makes it, and whether it may say that it is unavailable."""
    provider, sample = registry.provider(slug), SAMPLES[slug]
    account, credential = sample.account, sample.credential
    house = replace(account, settings={})
    yield "verify", lambda: provider.verify(account, credential, NOW), False
    if slug in {"facturapi", "codat"}:
        yield "verify the house", lambda: provider.verify(house, credential, NOW), False
    if isinstance(provider, Lists):
        yield "list", lambda: provider.list(account), True
        yield "list on", lambda: provider.list(account, "2"), True
    if isinstance(provider, Gets):
        yield "get", lambda: provider.get(account, sample.id), True
    if isinstance(provider, Downloads):
        yield "content", lambda: provider.content(account, sample.id), True
    if isinstance(provider, Deletes):
        yield "delete", lambda: provider.delete(account, sample.id), False
    if isinstance(provider, Renews):
        yield "renew", lambda: provider.renew(account, credential), True
    if isinstance(provider, Chooses):
        for setting, can_make in provider.choosable.items():
            yield f"choose {setting}", lambda setting=setting: provider.choices(account, setting), True  # type: ignore[misc]
            if can_make:
                yield f"make {setting}", lambda setting=setting: provider.make(account, setting, "A"), True  # type: ignore[misc]


@PROVIDERS
def test_what_only_looks(slug: str) -> None:
    sample = SAMPLES[slug]
    operation = registry.provider(slug).operations[0]

    def see(look: Looking, faults: Faults, *, keeps: bool) -> Played:
        fake = sample.fake(operation, sample.handin(operation, sample.sizes[0]))
        fake.held = keeps
        return play(look(), fake, faults)

    for name, look, may_be_unavailable in looks(slug):
        keeps = name != "delete"
        for step, outgoing in enumerate(see(look, none, keeps=keeps).asked):
            for fault in faults_of(outgoing):
                for faults in (at({step: fault}), storm(step, fault)):
                    told = (name, step, fault)
                    try:
                        seen = see(look, faults, keeps=keeps).result
                    except Unavailable as unavailable:
                        seen = unavailable.outcome
                        assert may_be_unavailable, told
                        assert seen.problem in WORDS, told
                    assert not isinstance(seen, Verdict) or seen.detail, told
                    assert not isinstance(seen, Outcome) or seen.ending is not X, told


def _good(contract: Contract, step: int) -> Reply:
    """The true answer to one of the requests."""
    answers: list[Reply] = []
    handin = contract.sample.handin(contract.operation, contract.size)
    fake = contract.sample.fake(contract.operation, handin)
    steps = contract.provider.deliver(contract.operation, handin, contract.sample.account)
    outgoing = next(steps)
    while len(answers) <= step:
        answers.append(fake.answer(outgoing))
        if len(answers) <= step:
            outgoing = steps.send(answers[-1])
    steps.close()
    return answers[step]
