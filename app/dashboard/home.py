"""Home: what needs a person now, and how it goes."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from app.api.asking import Asker
from app.dashboard.pages import page
from app.dashboard.rights import Right


@page("GET", "", right=Right.SEE, everywhere=True)
def home(asker: Asker) -> ResponseReturnValue:  # noqa: ARG001
    """Show what needs a person now."""
    return render_template("dashboard/home.html")
