"""Every provider's face, by its slug."""

from __future__ import annotations

from typing import Final

from app.passthrough.base import Face
from app.passthrough.facturapi import Facturapi

FACES: Final[dict[str, Face]] = {one.slug: one for one in (Facturapi(),)}
