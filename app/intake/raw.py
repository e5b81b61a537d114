"""A body that is the file itself, and nothing around it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from app.errors import Refusal
from app.intake.arriving import Arriving, Unmeasured
from app.intake.body import Body
from app.intake.errors import BadFileName, FileTooLarge, LengthRequired, Nested, Truncated
from app.intake.multipart import Limits
from app.intake.pace import Clock, Deadlines
from app.intake.part_header import CONTROL, PartHeader
from app.intake.reception import judge

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Of a file whose sender did not say what it is.
ANYTHING: Final = "application/octet-stream"


@contextmanager
def receive_file(
    environ: WSGIEnvironment,
    name: str,
    filename: str,
    limits: Limits,
    deadlines: Deadlines,
    *,
    measured: bool = True,
    clock: Clock = time.monotonic,
) -> Iterator[Arriving]:
    """Begin to take a file for the part of that name: what its headers say is judged before a byte of it is read.

    Raises as `receive` does. `measured`: its length has to be known before.
    """
    try:
        body = Body.of(environ, deadlines, clock)
        content_type = environ.get("CONTENT_TYPE") or ANYTHING
        if content_type.strip().lower().startswith("multipart/"):  # a form, and the file somewhere in it
            raise Nested(field=name)
        if not filename or "\\" in filename or CONTROL.search(filename):  # as of a part
            raise BadFileName(field=name)
        judge(environ, body)
        if body.left is None and measured:
            raise LengthRequired
        if body.left is not None and body.left > limits.file_bytes:
            raise FileTooLarge(limits.file_bytes, field=name, name=name)
        header = PartHeader(name=name, filename=filename, content_type=content_type)
        if body.left is None:
            yield Unmeasured(header, _blocks(body), body, limits.file_bytes)
        else:
            yield Arriving(header, _blocks(body), body, body.left)
    except Refusal as refusal:
        traceback.clear_frames(refusal.__traceback__)
        raise


def _blocks(body: Body) -> Iterator[bytes]:
    try:
        while block := body.block():
            yield block
    except Truncated:
        body.trusted = False  # what follows on the connection is then no request
        raise
