"""`usage`: requests counted by month, organization and key."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from flask import request

from app.sandbox.factify import inputs
from app.sandbox.factify.errors import Refused
from app.sandbox.factify.inputs import Field
from app.sandbox.factify.keys import ApiKey
from app.sandbox.factify.moments import iso
from app.sandbox.factify.people import Organization
from app.sandbox.factify.routing import operation
from app.sandbox.factify.service import REQUESTS_A_MONTH, Caller, service

_QUOTA: Final = {
    "limit": Field(read=inputs.positive, required=True),
    "organization_id": Field(read=inputs.an_id("org")),
}


def _asked(caller: Caller, *, runs: bool = False) -> Organization:
    """The organization of the query, or the caller's own. Raises Refused."""
    return service().organization(caller, request.args.get("organization_id"), runs=runs)


@operation("GET", "/quota")
def get(caller: Caller) -> dict[str, Any]:
    organization, now = _asked(caller), service().now()
    used = sum(key.used_in_month(now) for key in service().keys_of(organization))
    starts = datetime(now.year, now.month, 1, tzinfo=UTC)
    return {
        "quota": {
            "organization_id": organization.id,
            "tier": "free",
            "current_usage": used,
            "effective_limit": REQUESTS_A_MONTH,
            "remaining": max(0, REQUESTS_A_MONTH - used),
            "is_exceeded": used > REQUESTS_A_MONTH,
            "usage_percent": 100 * used // REQUESTS_A_MONTH,
            "period_start": iso(starts),
            "reset_at": iso((starts + timedelta(days=31)).replace(day=1)),
        }
    }


@operation("GET", "/quota/usage")
def get_history(caller: Caller) -> dict[str, Any]:
    organization, in_time = _asked(caller), inputs.bounds("date")
    days: Counter[date] = sum((key.used for key in service().keys_of(organization)), Counter())
    listed = sorted((day, count) for day, count in days.items() if in_time(_midnight(day)))
    return {
        "organization_id": organization.id,
        "total_requests": sum(count for _, count in listed),
        "daily_usage": [{"date": day.isoformat(), "request_count": count} for day, count in listed],
    }


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@operation("GET", "/quota/keys")
def list_key_quotas(caller: Caller) -> dict[str, Any]:
    keys, now = service().keys_of(_asked(caller)), service().now()
    return {"quotas": [key.shown_quota(now) for key in keys if key.quota is not None]}


def _key_of(organization: Organization, key_id: str) -> ApiKey:
    key = service().key(key_id)
    if key.organization_id != organization.id:
        raise Refused("resource_not_found", "API key not found")
    return key


@operation("PUT", "/quota/keys/<key_id>")
def set_key_quota(caller: Caller, key_id: str) -> dict[str, Any]:
    wanted = inputs.body(_QUOTA)
    key = _key_of(service().organization(caller, wanted.get("organization_id"), runs=True), key_id)
    key.quota = wanted["limit"]
    return {"quota": key.shown_quota(service().now())}


@operation("DELETE", "/quota/keys/<key_id>")
def delete_key_quota(caller: Caller, key_id: str) -> dict[str, Any]:
    key = _key_of(_asked(caller, runs=True), key_id)
    if key.quota is None:
        raise Refused("resource_not_found", "The key has no quota")
    key.quota = None
    return {}
