"""How good a password would be, said while it is typed: by the same measure as it is taken or refused by."""

from __future__ import annotations

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import SecretStr

from app.dashboard import browsers
from app.dashboard.pages import page
from app.services import services
from app.tenants import passwords

#: Of what it must not be made of, as somebody's name: so many, and so much of each.
ABOUT, LENGTH = 4, 254


@page("POST", "/password-strength", right=None, anybody=True)
def measure_password() -> ResponseReturnValue:
    """Measure one; nothing of it is kept. It takes work, so an address has only so many looked at in a minute."""
    services().shedding.measures.count([browsers.address()])
    about = tuple(one[:LENGTH] for one in request.form.getlist("about")[:ABOUT])
    strength = passwords.strength(SecretStr(request.form.get("password", "")), about=about)
    return jsonify(power=strength.power, verdict=strength.verdict)
