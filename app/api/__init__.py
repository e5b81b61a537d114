"""The face that services see: hand-ins and what became of them, as JSON.

Thin by rule: it finds who asks, lets intake take the body, gives it to delivery and says what came of it. A gateway
token is the only way in; a browser's cookies are not looked at.
"""

from __future__ import annotations

from flask import Flask

from app.api import problems
from app.api.receipts import api


def init_app(app: Flask) -> None:
    """Put the API's addresses into `app`, and answers of its kind to whatever goes wrong below them."""
    app.register_blueprint(api)
    problems.init_app(app)
