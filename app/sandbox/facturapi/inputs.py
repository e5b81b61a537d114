"""What may stand in a JSON body or a query, field by field; every fault is named, the first leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from app.sandbox.facturapi.errors import Refused, detail

Check = Callable[[str, Any], list[dict[str, Any]]]

MOST_PAGES, MOST_ON_A_PAGE, ON_A_PAGE = 30, 100, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: its check, and whether it has to be there."""

    check: Check
    required: bool = False


def text(*, most: int = 250, exact: int | None = None) -> Check:
    def check(path: str, value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, str):
            return [detail(path, "invalid_type", f'El campo "{path}" debe ser texto.')]
        if len(value) > most or (exact is not None and len(value) != exact):
            return [detail(path, "invalid_length", f'El campo "{path}" no tiene la longitud correcta.')]
        return []

    return check


def boolean(path: str, value: Any) -> list[dict[str, Any]]:
    return [] if isinstance(value, bool) else [detail(path, "invalid_type", f'El campo "{path}" debe ser booleano.')]


def folio(path: str, value: Any) -> list[dict[str, Any]]:
    if type(value) is int and value > 0:
        return []
    return [detail(path, "invalid_type", f'El campo "{path}" debe ser un entero positivo.')]


def color(path: str, value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str) and re.fullmatch(r"#?[0-9A-Fa-f]{6}", value):
        return []
    return [detail(path, "invalid_format", f'El campo "{path}" debe tener seis dígitos hexadecimales.')]


def anything(_path: str, value: Any) -> list[dict[str, Any]]:
    return [] if isinstance(value, dict) else [detail(_path, "invalid_type", f'El campo "{_path}" debe ser un objeto.')]


def group(fields: Mapping[str, Field]) -> Check:
    """An object with those fields and no others."""

    def check(path: str, value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, dict):
            return [detail(path, "invalid_type", f'El campo "{path}" debe ser un objeto.')]
        at = f"{path}." if path else ""
        faults: list[dict[str, Any]] = []
        for name, one in fields.items():
            if name in value:
                faults += one.check(at + name, value[name])
            elif one.required:
                faults.append(detail(at + name, "required", f'El campo "{at}{name}" es requerido.'))
        unknown = [name for name in value if name not in fields]
        return faults + [detail(at + name, "unknown_field", f'El campo "{at}{name}" no existe.') for name in unknown]

    return check


_NAME: Final = Field(check=text(most=100), required=True)

NEW: Final = {"name": _NAME}

LEGAL: Final = {
    "name": _NAME,
    "legal_name": _NAME,
    "tax_system": Field(check=text(exact=3), required=True),
    "address": Field(
        check=group(
            {"zip": Field(check=text(), required=True)}
            | dict.fromkeys(
                ("street", "exterior", "interior", "neighborhood", "city", "municipality", "state"),
                Field(check=text()),
            )
        ),
        required=True,
    ),
    "website": Field(check=text()),
    "support_email": Field(check=text()),
    "phone": Field(check=text()),
}

CUSTOMIZATION: Final = {
    "color": Field(check=color),
    "next_folio_number": Field(check=folio),
    "next_folio_number_test": Field(check=folio),
    "pdf_extra": Field(
        check=group(
            dict.fromkeys(
                (
                    *("codes", "address_codes", "product_key", "export_key", "round_unit_price", "tax_breakdown"),
                    *("ieps_breakdown", "combine_ieps_with_subtotal", "render_carta_porte", "render_iedu"),
                    *("render_hyp_complement", "render_comercio_exterior", "repeat_signature"),
                ),
                Field(check=boolean),
            )
        )
    ),
    "payroll_options": Field(check=anything),
}


def body(data: Any, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The body as it came, if every field of it may stand there. Raises Refused."""
    if not isinstance(data, dict):
        raise Refused("invalid_request", location="body")
    if faults := group(fields)("", data):
        raise Refused("invalid_request", details=faults)
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a list was asked for."""

    text: str
    since: datetime | None
    before: datetime | None
    page: int
    limit: int


def search(query: Mapping[str, str]) -> Search:
    """Read a list's query. Raises Refused."""
    page = _number(query, "page", 1, 1_000_000)
    if page > MOST_PAGES:
        raise Refused("page_too_large", location="query", path="page")
    return Search(
        text=query.get("q", ""),
        since=_date(query, "date[gte]"),
        before=_date(query, "date[lt]"),
        page=page,
        limit=_number(query, "limit", ON_A_PAGE, MOST_ON_A_PAGE),
    )


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    value = query.get(name, str(default))
    if not value.isascii() or not value.isdecimal() or not 1 <= int(value) <= most:
        fault = detail(name, "invalid_type", f'El parámetro "{name}" debe ser un entero de 1 a {most}.', "query")
        raise Refused("invalid_request", details=[fault])
    return int(value)


def _date(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        moment = datetime.fromisoformat(query[name])
    except ValueError:
        fault = detail(name, "invalid_type", f'El parámetro "{name}" debe ser una fecha.', "query")
        raise Refused("invalid_request", details=[fault]) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
