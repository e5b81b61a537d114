"""The face that services see: hand-ins and what became of them, and all that stands around them, as JSON.

Thin by rule: it finds who asks, lets intake take the body, gives it to those who do it and says what came of it. A
gateway token is the only way in; a browser's cookies are not looked at.
"""

from __future__ import annotations

from apiflask import APIFlask
from werkzeug.exceptions import HTTPException

from app.api import (
    answers,
    auditing,
    connections,
    document,
    exports,
    forms,
    histories,
    ledgers,
    limits,
    links,
    me,
    organizations,
    pages,
    problems,
    receipts,
    replacing,
    resources,
    stored,
    tokens,
    uploads,
    webhooks,
)
from app.api.errors import Untold
from app.api.resources import api
from app.database import AWAY
from app.errors import Refusal

#: Importing these is what adds their addresses.
ADDRESSES = (
    me,
    uploads,
    histories,
    receipts,
    organizations,
    exports,
    connections,
    replacing,
    forms,
    links,
    tokens,
    webhooks,
    stored,
    ledgers,
    auditing,
    pages,
)

api.register_error_handler(Refusal, problems.refused)
api.register_error_handler(Untold, problems.untold)
api.register_error_handler(HTTPException, problems.failed)
for fault in AWAY:
    api.register_error_handler(fault, problems.away)
api.after_request(limits.write)
api.after_request(answers.attach)


def init_app(app: APIFlask) -> None:
    """Put the API's addresses into `app`, and answers of its kind to whatever goes wrong below them."""
    document.init_app(app)
    app.url_map.converters["connection"] = resources.ConnectionName
    app.register_blueprint(api)
    problems.init_app(app)
