"""One call, from its row in the rules to the provider's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

import structlog
from flask import g

from app.database import AWAY
from app.delivery import Result, registry
from app.delivery.calls import Answered, Call, Whole
from app.delivery.handing import Handing
from app.intake import Deadlines, Limits
from app.intake.alongside import Names, read_along
from app.intake.body import Body
from app.intake.document import BadJson, parse_object
from app.intake.errors import BodyTooLarge
from app.intake.reception import judge
from app.passthrough import headers
from app.passthrough.address import Address
from app.passthrough.base import Face, Remembers
from app.passthrough.entrance import Entrance
from app.passthrough.errors import Foreign, NoAnswerCame, NotBorrowed, NotListed, NotOpened, NotPassedOn, Unfit
from app.passthrough.rules import Match, Owned, Rule, Verdict
from app.providers.base import Outcome
from app.providers.operation import MIB, Operation
from app.records import audit
from app.services import services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = structlog.get_logger("ventanilla.passthrough")

#: Most bytes of a JSON object that is read before it is passed on, because of an id in it.
OBJECT_BYTES: Final = MIB
OK: Final = 200

#: Makes a call that its rules allow, as `make` does.
Make = Callable[[Entrance, Face, Match, Call, "WSGIEnvironment"], Answered | Result]


def make(way: Entrance, face: Face, wanted: Address, environ: WSGIEnvironment) -> Answered | Result:
    """Make a call that its rules allow. A Result is a hand-in's that the provider gave no answer to."""
    below = wanted.below(face.base_path)
    method = str(environ["REQUEST_METHOD"])
    found = face.rules.find(method, below)
    if found is None:
        raise NotListed(call=f"{method} {below}"[:200])
    _check_verdict(way, found.rule)
    _check_owned(way, face, found, wanted)
    made = Call(method=method, target=below + wanted.query, headers=headers.sent_on(environ))
    if found.rule.make is not None:
        return cast("Make", found.rule.make)(way, face, found, made, environ)
    if found.rule.operation is not None:
        return _hand_in(way, face, found, made, environ)
    answer = services().deliverer.hand_on(way.destination.way, _with_body(way, found.rule, made, environ))
    note(way, found.rule, answer)
    if isinstance(answer, Outcome):
        raise NoAnswerCame(answer)
    return answer


def _check_verdict(way: Entrance, rule: Rule) -> None:
    """Raise what a row says no with."""
    if rule.verdict is Verdict.DENY:
        raise NotPassedOn(call=rule.call, reason=rule.reason)
    if not rule.borrowed and way.borrows:
        raise NotBorrowed(call=rule.call, reason=rule.reason)
    if rule.verdict is Verdict.ASK and rule.call not in way.destination.connection.opened_calls:
        raise NotOpened(call=rule.call, reason=rule.reason, connection=way.destination.connection.name)


def _check_owned(way: Entrance, face: Face, found: Match, wanted: Address) -> None:
    """Raise Foreign where path or query name what is not the connection's."""
    for owned in found.rule.owned:
        if owned.where == "path":
            value = found.values[owned.name]
            if not (value in face.own_names and not way.borrows):
                _check(way, owned, value)
        elif owned.where == "query":
            values = wanted.parameters(owned.name)
            if len(values) > 1:
                raise Foreign
            _check(way, owned, values[0] if values else None)


def _check(way: Entrance, owned: Owned, value: str | None) -> None:
    if value is None and way.borrows:  # what it means is up to the key, which is everybody's
        raise Foreign
    if not owned.agrees(value, way.destination.connection.settings):
        raise Foreign


def _with_body(way: Entrance, rule: Rule, made: Call, environ: WSGIEnvironment) -> Call:
    """The call with the body that its client is sending; an object with an id in it is read first."""
    body = Body.of(environ, Deadlines.from_settings(services().settings))
    made = replace(made, asker=body.connection)
    inside = [owned for owned in rule.owned if owned.where == "json"]
    if body.left == 0:
        for owned in inside:
            _check(way, owned, None)
        return made
    if environ.get("CONTENT_TYPE", "").strip().lower().startswith("multipart/"):
        raise Unfit  # a file would pass that nobody looked at
    if not inside:
        return replace(made, body=_blocks(body), client=body)
    judge(environ, body)
    content = b"".join(_blocks(body, OBJECT_BYTES))
    try:
        value = parse_object(content)
    except BadJson:
        raise Unfit from None
    for owned in inside:
        _check_member(way, owned, value)
    return replace(made, body=content)


def _check_member(way: Entrance, owned: Owned, value: Mapping[str, Any]) -> None:
    named = [member for name, member in value.items() if name.casefold() == owned.name.casefold()]
    if len(named) > 1 or not all(isinstance(member, str) for member in named):
        raise Foreign
    _check(way, owned, named[0] if named else None)


def _blocks(body: Body, most: int | None = None) -> Iterator[bytes]:
    count = 0
    while block := body.block():
        count += len(block)
        if most is not None and count > most:
            raise BodyTooLarge(most)
        yield block


def _hand_in(way: Entrance, face: Face, found: Match, made: Call, environ: WSGIEnvironment) -> Answered | Result:
    """Pass a hand-in on, judged on its way."""
    rule, settings = found.rule, services().settings
    operation = registry.operation(str(rule.operation))
    g.check = operation.check
    secrets = {field.name for field in operation.fields if field.kind == "password"}
    inside = [owned for owned in rule.owned if owned.where == "form"]

    def check(fields: Mapping[str, str], all_there: bool) -> None:  # noqa: FBT001
        for owned in inside:
            if all_there or owned.name in fields:
                _check(way, owned, fields.get(owned.name))

    names = Names(
        files=rule.parts,
        fields={*rule.fields, *(owned.name for owned in inside)} - secrets,
        secrets=secrets,
    )
    with read_along(environ, names, Limits.of(operation), Deadlines.from_settings(settings)) as along:
        handing = Handing(
            call=made,
            operation=operation,
            along=along,
            judge=lambda handin, account, answer: face.judge(operation, handin, account, answer),
            check=check,
            baseline=lambda fields, now: face.baseline(operation, fields, now) if isinstance(face, Remembers) else {},
            recall=lambda outcome: _again(found, made, outcome),
            fields=_fields(operation, found),
        )
        handed = services().deliverer.hand_in_call(way.origin(), handing, way.destination.way)
    return handed.answered or handed.result


def _fields(operation: Operation, found: Match) -> dict[str, str]:
    """What the path says that the operation has a field for."""
    return {field.name: found.values[field.name] for field in operation.fields if field.name in found.values}


def _again(found: Match, made: Call, outcome: Outcome) -> Call | Whole | None:
    """What answers for something that is there although its own answer was lost."""
    rule = found.rule
    if not rule.again:
        return Whole(status=OK, reason="OK", headers=[("Content-Length", "0")], content=b"")
    values = {**found.values, "reference": outcome.reference}
    if None in values.values():
        return None
    target = rule.again.format_map({name: quote(str(value), safe="") for name, value in values.items()})
    about_body = {"content-type", "content-length"}
    kept = [(name, value) for name, value in made.headers if name.lower() not in about_body]
    return Call(method="GET", target=target, headers=kept)


def note(way: Entrance, rule: Rule, answer: Answered | Outcome) -> None:
    """Write down that a call was made, and what its answer was; neither its body nor its query.

    It was made all the same where that cannot be written down, and its answer is worth more than none.
    """
    told = {"problem": str(answer.problem)} if isinstance(answer, Outcome) else {"status": answer.status}
    connection, details = way.destination.connection, {"call": rule.call, **told}
    try:
        with services().database.transaction(connection.organization_id) as session:
            audit.write(
                session,
                organization_id=connection.organization_id,
                actor=way.actor,
                action="connection.called",
                subject=connection,
                details=details,
                now=services().clock(),
            )
    except AWAY as exc:
        log.error("call could not be written down", cause=type(exc).__name__, actor=way.actor, **details)  # noqa: TRY400
