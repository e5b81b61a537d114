"""The face that customers see: forms, personal links and outcomes, as pages for a phone or a desk.

Thin by rule: it finds whose page it is, lets intake take the body, gives it to delivery and shows what came of it.
"""

from __future__ import annotations

from flask import Flask

from app.config import Settings
from app.portal import assets, codes, embedding, framing, headers, language, problems, receipts
from app.portal.pages import portal

#: Importing these is what adds their pages.
PAGES = (codes, embedding, receipts)


def init_app(app: Flask, settings: Settings) -> None:
    """Put the portal's pages, its languages, its error pages and the headers of every response into `app`."""
    headers.init_app(app, settings)
    language.init_app(app, settings)
    assets.init_app(app)
    problems.init_app(app)
    app.add_template_global(framing.at, "page_at")
    app.add_template_global(framing.framed_by)
    app.add_template_filter(framing.in_language)
    app.register_blueprint(portal)
    app.register_blueprint(embedding.embedded)
