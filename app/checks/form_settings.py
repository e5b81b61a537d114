"""What a form presets and takes, judged by its operation before it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from app.checks.policy import Policy
from app.errors import Refusal
from app.providers.operation import Field, Operation

TICKED: Final = ("true", "false")


class BadSetting(Refusal):
    """Something that a form on this operation cannot preset, or not take."""

    slug: ClassVar[str] = "not-taken"
    status: ClassVar[int] = 422

    def __init__(self, field: str, reason: str) -> None:
        """`reason`: for whoever sets the form up, who gave all that it names."""
        self.reason = reason
        super().__init__(field=field, name=field, reason=reason)


def judged(operation: Operation, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A form's settings as they are kept: what is as the operation has it is left out. Raises BadSetting."""
    try:
        policy = Policy.parse({name: value for name, value in settings.items() if value is not None})
    except ValueError as exc:
        raise BadSetting("types", str(exc)) from None
    presets = {name: value for name, value in settings.get("presets", {}).items() if value}
    _judge_types(operation, policy)
    _judge_presets(operation, presets)
    durable = settings.get("durable")
    if durable and not operation.durable:
        raise BadSetting("durable", f"{operation.slug} is never kept")
    kept = {name: value for name, value in policy.dump().items() if value}
    kept |= {} if durable in {None, operation.durable} else {"durable": durable}
    return {**kept, "presets": presets} if presets else kept


def _judge_types(operation: Operation, policy: Policy) -> None:
    taken = {name for part in operation.parts for name in part.types}
    if strange := sorted((policy.types or frozenset()) - taken):
        there = ", ".join(sorted(taken))
        raise BadSetting("types", f"{operation.slug} takes no {', '.join(strange)}; it takes: {there}")


def _judge_presets(operation: Operation, presets: Mapping[str, str]) -> None:
    known = {field.name: field for field in operation.fields if field.kind != "password"}
    if strange := sorted(presets.keys() - known.keys()):
        have = ", ".join(known) or "none"
        raise BadSetting("presets", f"{operation.slug} has no field {', '.join(strange)} to preset; it has: {have}")
    for name, value in presets.items():
        _judge(known[name], value)


def _judge(field: Field, value: str) -> None:
    allowed = TICKED if field.kind == "checkbox" else tuple(one for one, _ in field.choices)
    if allowed and value not in allowed:
        raise BadSetting("presets", f"{field.name} can be {', '.join(allowed)}; not {value}")
    if len(value) > field.max_length:
        raise BadSetting("presets", f"{field.name} has at most {field.max_length} characters")
