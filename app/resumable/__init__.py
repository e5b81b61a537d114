"""The face that clients see who send a file in pieces: tus 1.0.0 at `/files`.

Thin by rule: who comes in is found by the other faces' own entrances, the body is read by intake, pieces lie in the
spool, and a file that is whole goes the way of every other. What is its own is the protocol, and whose turn it is.
"""

from __future__ import annotations

from flask import Flask

from app.resumable import holding
from app.resumable.views import resumable


def init_app(app: Flask) -> None:
    """Put the protocol's addresses into `app`."""
    holding.init_app(app)
    app.register_blueprint(resumable)
