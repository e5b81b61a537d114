"""What an operator says of a form: values that nobody is asked for, and what is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from app.checks import Policy
from app.cli.asking import Pair
from app.providers.operation import Field, Operation

F = TypeVar("F", bound=Callable[..., Any])
TICKED = ("true", "false")


def settings_options(command: F) -> F:
    """Let a command take them."""
    for option in (
        click.option("--protected/--no-protected", default=None, help="Take PDFs that have a password."),
        click.option(
            "--durable/--no-durable",
            default=None,
            help="Keep a copy until it is delivered; without one, a customer waits for the provider and is told.",
        ),
        click.option("--uninspected/--no-uninspected", default=None, help="Take archives too large to look into."),
        click.option("--all-types", is_flag=True, help="Take all types that the operation does."),
        click.option(
            "--type", "types", multiple=True, metavar="TYPE", help="Take files of this type; repeat for each."
        ),
        click.option(
            "--preset",
            "presets",
            type=Pair(),
            multiple=True,
            metavar="FIELD=VALUE",
            help="Give a field its value and ask nobody for it; without a value, ask again.",
        ),
    ):
        command = option(command)
    return command


def changed(
    operation: Operation,
    settings: Mapping[str, Any],
    *,
    presets: tuple[tuple[str, str], ...],
    types: tuple[str, ...],
    all_types: bool,
    uninspected: bool | None,
    protected: bool | None,
    durable: bool | None,
) -> dict[str, Any]:
    """The settings with what was said of them, judged by the operation."""
    given = {**settings.get("presets", {}), **dict(presets)}
    given = {name: value for name, value in given.items() if value}
    said = {"types": list(types) or None, "uninspected": uninspected, "protected": protected}
    former = {} if all_types else {"types": settings.get("types")}
    former |= {name: settings.get(name) for name in ("uninspected", "protected")}
    told = {name: value if (value := said[name]) is not None else former.get(name) for name in said}
    try:
        policy = Policy.parse({name: value for name, value in told.items() if value is not None})
    except ValueError as exc:
        raise click.UsageError(f"{exc}.") from None
    _judge_types(operation, policy)
    _judge_presets(operation, given)
    if durable and not operation.durable:
        raise click.UsageError(f"{operation.slug} is never kept.")
    durable = settings.get("durable") if durable is None else durable
    kept = {name: value for name, value in policy.dump().items() if value}
    kept |= {} if durable in {None, operation.durable} else {"durable": durable}
    return {**kept, "presets": given} if given else kept


def described(settings: Mapping[str, Any]) -> str:
    """Settings in a line."""
    words = [f"{name}={value}" for name, value in settings.get("presets", {}).items()]
    words += ["types: " + " ".join(types)] if (types := settings.get("types")) else []
    words += [name for name in ("uninspected", "protected") if settings.get(name)]
    words += ["no copy is kept"] if settings.get("durable") is False else []
    return "; ".join(words) or "As the operation is."


def _judge_types(operation: Operation, policy: Policy) -> None:
    taken = {name for part in operation.parts for name in part.types}
    if strange := sorted((policy.types or frozenset()) - taken):
        raise click.UsageError(f"{operation.slug} takes no {', '.join(strange)}; it takes: {', '.join(sorted(taken))}.")


def _judge_presets(operation: Operation, presets: Mapping[str, str]) -> None:
    known = {field.name: field for field in operation.fields if field.kind != "password"}
    if strange := sorted(presets.keys() - known.keys()):
        have = ", ".join(known) or "none"
        raise click.UsageError(f"{operation.slug} has no field {', '.join(strange)} to preset; it has: {have}.")
    for name, value in presets.items():
        _judge(known[name], value)


def _judge(field: Field, value: str) -> None:
    allowed = TICKED if field.kind == "checkbox" else tuple(one for one, _ in field.choices)
    if allowed and value not in allowed:
        raise click.UsageError(f"{field.name} can be {', '.join(allowed)}; not {value}.")
    if len(value) > field.max_length:
        raise click.UsageError(f"{field.name} has at most {field.max_length} characters.")
