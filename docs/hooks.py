"""What MkDocs asks as it makes a page: links to sources lead nowhere on a site, and each page says its language."""

from __future__ import annotations

import re
from typing import Any


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Called for each page with its text; a link that climbs out of this folder becomes what it says."""
    out = "../" * (page.file.src_uri.count("/") + 1)
    return re.sub(rf"\[([^\]]+)\]\({re.escape(out)}[^)]*\)", r"\1", markdown)


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Called for each page as it is written; what is read out loud is read in the page's language."""
    return output.replace('<html lang="en"', '<html lang="es"', 1) if page.file.src_uri.startswith("es/") else output
