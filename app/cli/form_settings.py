"""What an operator says of a form: values that nobody is asked for, and what is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from app.checks.form_settings import BadSetting, judged
from app.cli.asking import Pair
from app.providers.operation import Operation

F = TypeVar("F", bound=Callable[..., Any])


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
        click.option("--no-frames", is_flag=True, help="No page may show the form inside it."),
        click.option(
            "--frame-origin",
            "frame_origins",
            multiple=True,
            metavar="ORIGIN",
            help="Let pages of this origin show the form inside them, as https://www.example.com; repeat for each.",
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
    frame_origins: tuple[str, ...],
    no_frames: bool,
) -> dict[str, Any]:
    """The settings with what was said of them, judged by the operation."""
    given = {**settings.get("presets", {}), **dict(presets)}
    said = {"types": list(types) or None, "uninspected": uninspected, "protected": protected}
    former = {} if all_types else {"types": settings.get("types")}
    former |= {name: settings.get(name) for name in ("uninspected", "protected")}
    told = {name: value if (value := said[name]) is not None else former.get(name) for name in said}
    durable = settings.get("durable") if durable is None else durable
    framed = list(frame_origins) or ([] if no_frames else settings.get("frame_origins"))
    told |= {"presets": given, "durable": durable, "texts": settings.get("texts"), "frame_origins": framed}
    try:
        return judged(operation, told)
    except BadSetting as exc:
        raise click.UsageError(f"{exc.reason}.") from None


def described(settings: Mapping[str, Any]) -> str:
    """Settings in a line."""
    words = [f"{name}={value}" for name, value in settings.get("presets", {}).items()]
    words += ["types: " + " ".join(types)] if (types := settings.get("types")) else []
    words += [name for name in ("uninspected", "protected") if settings.get(name)]
    words += ["its own words: " + " ".join(texts)] if (texts := settings.get("texts")) else []
    words += ["framed by: " + " ".join(origins)] if (origins := settings.get("frame_origins")) else []
    words += ["no copy is kept"] if settings.get("durable") is False else []
    return "; ".join(words) or "As the operation is."
