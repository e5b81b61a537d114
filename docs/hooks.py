"""What MkDocs asks before it makes a page: links to sources lead nowhere on a site, so only their words stay."""

from __future__ import annotations

import re
from typing import Any


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Called for each page with its text; a link that climbs out of this folder becomes what it says."""
    out = "../" * (page.file.src_uri.count("/") + 1)
    return re.sub(rf"\[([^\]]+)\]\({re.escape(out)}[^)]*\)", r"\1", markdown)
