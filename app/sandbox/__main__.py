"""`python -m app.sandbox`."""

from __future__ import annotations

from app.sandbox.server import main

main()
