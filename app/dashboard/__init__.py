"""The face that operators see: what is set up, what was handed in, and what needs somebody now, as pages.

It stands above the API and calls its functions, with an asker that a person makes: rules, audit entries and ETags are
written once, whoever asks.
"""

from __future__ import annotations

from flask import Flask

from app.dashboard import (
    account,
    audit,
    billing,
    bulk_acts,
    certificates,
    coming_in,
    connections,
    declared,
    forms,
    handing_in,
    home,
    importing,
    integrations,
    links,
    looks,
    measuring,
    one_upload,
    organization_new,
    organizations,
    proving,
    refusing,
    search,
    second_factor,
    showing,
    signing_in,
    staff,
    tokens,
    uploads,
    webhooks,
    whose,
)
from app.dashboard.pages import dashboard

#: Importing these is what adds their pages.
FACES = (
    account,
    audit,
    billing,
    certificates,
    bulk_acts,
    coming_in,
    connections,
    forms,
    handing_in,
    home,
    importing,
    integrations,
    links,
    looks,
    measuring,
    organization_new,
    organizations,
    one_upload,
    proving,
    search,
    second_factor,
    signing_in,
    staff,
    tokens,
    uploads,
    webhooks,
)


def init_app(app: Flask) -> None:
    """Put the dashboard's pages into `app`, and pages of its kind for whatever goes wrong below its addresses."""
    refusing.init_app(app)
    showing.init_app(app)
    whose.init_app(app)
    declared.init_app(app)
    app.register_blueprint(dashboard)
