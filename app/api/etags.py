"""ETags of what can be edited: who says `If-Match` changes what it saw, or nothing.

An ETag is the hash of what is shown, so whatever changes that changes it. `If-Match` is not demanded.
"""

from __future__ import annotations

import base64
import hashlib

from flask import request
from pydantic import BaseModel

from app.api.errors import ChangedMeanwhile


def of(shown: BaseModel) -> str:
    """The ETag of what is shown, without its quotes."""
    return base64.urlsafe_b64encode(hashlib.sha256(shown.model_dump_json().encode()).digest()[:18]).decode()


def check(shown: BaseModel) -> None:
    """Raise ChangedMeanwhile where the caller saw something else; the row has to be locked until it is changed."""
    if "If-Match" in request.headers and not request.if_match.contains(of(shown)):
        raise ChangedMeanwhile
