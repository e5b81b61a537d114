"""Makes calls of others along an organization's way: as they came, and those that hand in with checks and a record."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Final

from app.checks import Policy, Rejected
from app.delivery.asking import cleaner_of
from app.delivery.calls import Answered, Call, Whole, read_whole
from app.delivery.contents import Contents
from app.delivery.deadlines import Exchange
from app.delivery.handing import HandedOn, Handing, InDoubt, Passage, Repeated, SentBefore
from app.delivery.journal import Journal
from app.delivery.keeper import Keeper
from app.delivery.looking import LOOK_SECONDS, learnt_at_once
from app.delivery.origin import Origin
from app.delivery.outcome import CANCELLED, consequence
from app.delivery.passing import Passing
from app.delivery.reader import FileReader
from app.delivery.sender import HandedIn, part_of
from app.delivery.surviving import broken, survive, withdraw
from app.delivery.way import NoWay, Way
from app.errors import Refusal
from app.intake.alongside import Alongside
from app.providers.base import Ending, HandIn, Outcome
from app.providers.operation import Mode
from app.providers.outcomes import by_cause, by_status
from app.providers.wire import NoAnswer, Reply
from app.records import twins
from app.records.states import State

#: So long after one of which nobody knows whether it arrived, the same again is taken for a client's blind retry.
BLIND: Final = timedelta(minutes=10)


class Forwarder(Keeper):
    """Makes calls for every organization of this process."""

    def hand_on(self, way: Way | NoWay, call: Call) -> Answered | Outcome:
        """Make a call; an Outcome says why there is no answer."""
        way = self._ways.fresh(way)
        if isinstance(way, NoWay):
            return way.outcome
        exchange = self._exchange(call)
        handed = self._ways.hand_on(way, call, exchange)
        if isinstance(handed, NoAnswer):
            outcome = by_cause(handed)
            in_doubt = handed.released and call.method != "GET"
            return replace(outcome, ending=Ending.UNKNOWN, problem="unconfirmed") if in_doubt else outcome
        return by_status(handed) if isinstance(handed, Reply) else handed

    def hand_in_call(self, origin: Origin, handing: Handing, way: Way | NoWay) -> HandedOn:
        """Pass a hand-in on as it comes, judge it on its way, and say what became of it.

        Its tail is let go once everybody agrees. Raises as `Deliverer.stream` does, and InDoubt.
        """
        mode = Mode.DIRECT if Mode.DIRECT in handing.operation.modes else Mode.RELAY
        with self._journal(origin, handing.operation, mode) as journal:
            take = self._all if mode is Mode.DIRECT else self._streamed
            passage = take(origin, handing, journal)
            try:
                outcome = self._attempt(way, passage, journal, origin)
            except SentBefore as before:
                if journal.begun:
                    journal.refuse(before, CANCELLED)
                before.upload_id = before.result.upload_id
                if isinstance(before, InDoubt):
                    raise
                return HandedOn(result=before.result, answered=self._recalled(way, handing, before.result.outcome))
            except Refusal as refusal:
                withdraw(journal, refusal)
                raise
            result = self._end(journal, outcome, consequence(outcome.ending, mode))
        answered: Answered | None = passage.answered
        if result.state is State.DELIVERED and (answered is None or not 200 <= answered.status < 300):
            answered = self._recalled(way, handing, outcome)
        return HandedOn(result=result, answered=answered)

    def _all(self, origin: Origin, handing: Handing, journal: Journal) -> Passage:
        """Take all of it into memory, and judge it before anything leaves."""
        assert isinstance(handing.along, Alongside)  # noqa: S101 - what is held in memory comes as a form
        collected, content = handing.along.collect()
        handing.check(collected.fields, True)  # noqa: FBT003
        handin = self._checked(origin, handing.operation, collected, journal)
        return Passage(handing, lambda _: iter((content,)), handin=lambda: handin, streams=False)

    def _streamed(self, origin: Origin, handing: Handing, journal: Journal) -> Passage:
        """Take what comes before the file, and judge its beginning."""
        along, operation = handing.along, handing.operation
        arriving = along.file()
        handing.check(along.fields, False)  # noqa: FBT003
        handed_in = HandedIn(
            journal=journal,
            origin=origin,
            operation=operation,
            fields={**handing.fields, **along.fields},
            secrets={},
            policy=Policy(),
        )
        if arriving is None:
            missing = Rejected("missing-file", field=operation.parts[0].name)
            journal.refuse(missing, consequence(Ending.REJECTED, journal.mode))
            raise missing
        watch = self._begin(handed_in, arriving)
        passing = Passing(arriving, watch)

        def handin() -> HandIn:
            part = replace(part_of(arriving, watch, passing), size=passage.size)
            return HandIn(
                id=journal.id,
                organization=origin.organization.slug,
                received_at=self._received_at(origin),
                parts={part.name: part},
                fields={**handing.fields, **along.fields},
                facts=passing.facts or watch.facts,
            )

        passage = Passage(
            handing, lambda seen: along.passed(map(seen, passing.blocks())), handin=handin, streams=not arriving.whole
        )
        return passage

    def _attempt(self, way: Way | NoWay, passage: Passage, journal: Journal, origin: Origin) -> Outcome:
        way = self._ways.fresh(way)
        if isinstance(way, NoWay):
            return way.outcome
        handing = passage.handing

        def agree() -> None:
            """All of it has been judged: nothing may be in the way of its being handed in."""
            handing.check(handing.along.fields, True)  # noqa: FBT003
            handin = passage.handin()
            if empty := [part.name for part in handin.parts.values() if not part.size]:
                raise Rejected("empty-file", field=empty[0])
            journal.contents = Contents.of(handin.parts.values(), handin.facts)
            self._refuse_twin(origin, handing, handin)

        def mark() -> None:
            remembered = handing.baseline(passage.handin().fields, self.now())
            journal.mark({**remembered, "target": handing.call.name})

        def agree_and_mark() -> None:
            agree()
            mark()

        if passage.streams:
            journal.begin()
            reader = FileReader(passage.blocks(), handing.along.length, agree_and_mark)
        else:  # nobody is spoken to before it is known that it may be sent
            content = b"".join(passage.blocks())
            agree()
            reader = FileReader(iter((content,)), len(content), mark)
        client = handing.along.body if passage.streams else None
        call = replace(handing.call, body=reader, client=client)
        exchange = self._exchange(call)
        outcome = survive(
            lambda: self._asked(way, call, exchange, passage),
            journal.id,
            lambda: broken(sent=exchange.sent, kept=False),
        )
        handin = replace(passage.handin(), reference=outcome.reference, baseline=journal.baseline)
        outcome = cleaner_of(way, handin).outcome(outcome)
        if outcome.ending is not Ending.UNKNOWN:
            return outcome
        looked = survive(
            lambda: self.look(way, handing.operation, handin, seconds=LOOK_SECONDS), journal.id, lambda: outcome
        )
        return learnt_at_once(outcome, looked)

    def _asked(self, way: Way, call: Call, exchange: Exchange, passage: Passage) -> Outcome:
        handed = self._ways.hand_on(way, call, exchange)
        whole = read_whole(handed) if isinstance(handed, Answered) else handed
        if isinstance(whole, Whole):
            passage.answered = whole
        answer = whole.reply if isinstance(whole, Whole) else whole
        return passage.handing.judge(passage.handin(), way.account, answer)

    def _refuse_twin(self, origin: Origin, handing: Handing, handin: HandIn) -> None:
        """Ask for one that was just sent without an answer, before the same is sent again."""
        if origin.api_token_id is None:
            return
        with self._database.transaction(origin.organization.id) as session:
            twin = twins.unknown(
                session,
                api_token_id=origin.api_token_id,
                connection_id=origin.connection.id,
                operation=handing.operation.slug,
                sha256s=[part.sha256 for part in handin.parts.values()],
                target=handing.call.name,
                since=self.now() - BLIND,
            )
        if twin is None:
            return
        result = self.check_again(origin.organization.id, twin, actor=origin.actor)
        if result.state is State.DELIVERED:
            raise Repeated(result)
        if result.state is State.UNKNOWN:
            raise InDoubt(result)

    def _recalled(self, way: Way | NoWay, handing: Handing, outcome: Outcome) -> Answered | None:
        """What the provider says now of something that is there."""
        found = handing.recall(outcome)
        if not isinstance(found, Call):
            return found
        answered = self.hand_on(way, found)
        if not isinstance(answered, Answered):
            return None
        whole = read_whole(answered)
        return whole if isinstance(whole, Whole) and whole.status == 200 else None

    def _exchange(self, call: Call) -> Exchange:
        deadlines = self._streaming[Mode.RELAY]
        clock = time.monotonic
        return Exchange(
            deadlines=deadlines,
            until=clock() + deadlines.total,
            clock=clock,
            streams=True,
            client=call.client,
            asker=call.asker,
        )
