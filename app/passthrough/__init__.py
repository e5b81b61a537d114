"""The face that code of vendors' SDKs sees: a provider's own API, below an address of ours and with a token of ours.

Thin by rule: each provider's file says where its key is put, which of its calls may be made, and how it spells a
refusal. What is in no table of rules is not passed on.
"""

from __future__ import annotations

from flask import Flask

from app.passthrough.views import proxy


def init_app(app: Flask) -> None:
    """Put the passthrough's addresses into `app`."""
    app.register_blueprint(proxy)
