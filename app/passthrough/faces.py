"""Every provider's face, by its slug."""

from __future__ import annotations

from typing import Final

from app.passthrough.base import Face
from app.passthrough.codat import Codat
from app.passthrough.factify import Factify
from app.passthrough.facturapi import Facturapi
from app.passthrough.flatfile import Flatfile
from app.passthrough.formkiq import Formkiq

FACES: Final[dict[str, Face]] = {one.slug: one for one in (Codat(), Factify(), Facturapi(), Flatfile(), Formkiq())}
