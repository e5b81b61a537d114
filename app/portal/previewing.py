"""A form as customers see it, for whoever builds it: the same page, without scripts, and nothing can be handed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from flask import render_template
from flask_babel import force_locale

from app.portal import entrance, forms
from app.portal.entrance import Entrance
from app.providers.operation import Operation
from app.tenants.models import Connection, Form, Organization


def form(
    organization: Organization,
    connection: Connection,
    operation: Operation,
    settings: Mapping[str, Any],
    *,
    locale: str,
) -> str:
    """The page of a form with these settings, whether there is one yet or not."""
    drafted = Form(id=uuid4(), public_id="", operation=operation.slug, open=True, settings=dict(settings))
    way = Entrance(organization=organization, connection=connection, form=drafted, operation=operation, address="")
    entrance.arrive(organization)
    with force_locale(locale):
        return render_template(
            "portal/form.html",
            way=way,
            form=forms.fresh(forms.build(way)),
            provider=way.provider,
            chosen={},
            asks=False,
            preview=True,
        )
