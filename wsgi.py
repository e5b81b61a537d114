"""What gunicorn and flask load: the gateway, as the environment describes it."""

from __future__ import annotations

from app import create_app

app = create_app()
