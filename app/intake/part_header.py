"""What a part says about itself, in the few header lines that it may have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.intake import header_values
from app.intake.errors import BadFileName, Encoded, Malformed, Nested, NotText

#: RFC 7578 knows the first three; several clients add the last, which the library compares with the part's size.
KNOWN = frozenset({"content-disposition", "content-type", "content-transfer-encoding", "content-length"})

#: A name, its colon at once, and a value without control characters. The library strips the name (a space or a
#: vertical tab before the colon passes) and lets CR, LF and NUL stand in the value.
_LINE = re.compile(rb"([0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)")

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHeader:
    """A part's name and kind. A plain field has no `filename`; an empty file input of a browser has an empty one."""

    name: str
    filename: str | None
    content_type: str | None


def read(lines: Iterable[bytes]) -> PartHeader:
    """Understand the raw header lines of one part, or refuse the whole body."""
    headers: dict[str, str] = {}
    for line in lines:
        name, value = _split(line)
        if name not in KNOWN:  # another reader may know it, and read the part by it
            raise Malformed
        if name in headers:  # the library takes the last Content-Disposition, others the first
            raise Malformed
        headers[name] = value
    name, filename = _disposition(headers.get("content-disposition", ""))
    if headers.get("content-transfer-encoding", "binary").lower() not in {"binary", "7bit", "8bit"}:
        raise Encoded(field=name)  # the bytes that are checked would not be those that a provider decodes
    return PartHeader(
        name=name, filename=filename, content_type=_content_type(headers, name, is_file=filename is not None)
    )


def _split(line: bytes) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise Malformed
    try:
        return match[1].decode("ascii").lower(), match[2].decode("utf-8").strip(" \t")
    except UnicodeDecodeError:
        raise Malformed from None


def _disposition(value: str) -> tuple[str, str | None]:
    parsed = header_values.parse(value)
    if parsed is None or parsed[0] != "form-data":  # the library skips whatever stands between parameters
        raise Malformed
    parameters = parsed[1]
    if not parameters.keys() <= {"name", "filename"}:  # `filename*` names the file a second time (RFC 7578, 4.2)
        raise Malformed
    name = parameters.get("name", "")
    if not name or "\\" in name or CONTROL.search(name):
        raise Malformed
    filename = parameters.get("filename")
    if filename is None:
        return name, None
    # Browsers write a backslash as it is and a quote as %22; others quote with a backslash; the library guesses.
    if "\\" in filename or CONTROL.search(filename) or "%0D" in filename or "%0A" in filename:
        raise BadFileName(field=name)
    return name, filename.replace("%22", '"')


def _content_type(headers: dict[str, str], name: str, *, is_file: bool) -> str | None:
    if "content-type" not in headers:
        return None
    parsed = header_values.parse(headers["content-type"])
    if parsed is None or "/" not in parsed[0]:
        raise Malformed
    media_type, parameters = parsed
    if media_type.startswith("multipart/"):  # a form in a form: another reader would look inside
        raise Nested(field=name)
    if not is_file and parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise NotText(field=name, name=name)  # we read UTF-8; others would believe what it says
    return media_type
