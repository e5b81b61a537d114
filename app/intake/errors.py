"""What can be wrong with what a client sent, or with how it sent it.

    Refusal
    ├── ForeignOrigin                               403  the request comes from another site
    ├── LengthRequired                              411  nothing says how long the body is
    ├── NotMultipart                                415  it is not a form
    ├── TooSlow                                     408  the client kept us waiting
    ├── ClientGone, Truncated                       400  the body ended before its end
    ├── Malformed, BadBoundary, Encoded, Nested     400  it could be read in two ways, or not at all
    ├── DuplicatePart, UnknownPart, NotAFile,       400  the parts are not those of the form
    │   NotAField, NotText, BadFileName,
    │   FieldsAfterFile
    └── OverLimit                                   413  `limit` says how much is taken
        └── TooManyParts, TooManyFiles, PartHeaderTooLarge, FieldTooLarge, FileTooLarge, BodyTooLarge

None of them carries a byte of a part's content, nor the library's exception: that one holds on to its buffers.
"""

from __future__ import annotations

from typing import ClassVar

from app.errors import Refusal


class ForeignOrigin(Refusal):
    """Sent by a page of another site."""

    slug: ClassVar[str] = "foreign-origin"
    status: ClassVar[int] = 403


class LengthRequired(Refusal):
    """Neither Content-Length nor chunked; or chunked, where a file is streamed and its length has to be known."""

    slug: ClassVar[str] = "length-required"
    status: ClassVar[int] = 411


class NotMultipart(Refusal):
    """Another media type than multipart/form-data."""

    slug: ClassVar[str] = "not-multipart"
    status: ClassVar[int] = 415


class TooSlow(Refusal):
    """The client was silent for too long, or slower than the minimum rate."""

    slug: ClassVar[str] = "client-too-slow"
    status: ClassVar[int] = 408


class ClientGone(Refusal):
    """The connection broke while the body was arriving."""

    slug: ClassVar[str] = "client-gone"


class Truncated(Refusal):
    """The body ended before its closing delimiter, or before its Content-Length."""

    slug: ClassVar[str] = "truncated"


class Malformed(Refusal):
    """The framing is wrong, or says something that two readers could understand differently."""

    slug: ClassVar[str] = "malformed"


class BadBoundary(Refusal):
    """The boundary is missing, repeated, or not one that RFC 2046 allows."""

    slug: ClassVar[str] = "bad-boundary"


class Encoded(Refusal):
    """The body or a part is encoded: what is checked would not be what is forwarded."""

    slug: ClassVar[str] = "encoded"


class Nested(Refusal):
    """A part is itself a multipart."""

    slug: ClassVar[str] = "nested"


class DuplicatePart(Refusal):
    """Two parts of one name."""

    slug: ClassVar[str] = "duplicate-part"


class UnknownPart(Refusal):
    """A part that the operation does not know."""

    slug: ClassVar[str] = "unknown-part"


class NotAFile(Refusal):
    """A plain field in the place of a file."""

    slug: ClassVar[str] = "not-a-file"


class NotAField(Refusal):
    """A file in the place of a plain field."""

    slug: ClassVar[str] = "not-a-field"


class NotText(Refusal):
    """A field whose value is not UTF-8 text, or says that it is another charset's."""

    slug: ClassVar[str] = "not-text"


class BadFileName(Refusal):
    """A file name that two readers could understand differently, or none at all."""

    slug: ClassVar[str] = "bad-file-name"


class FieldsAfterFile(Refusal):
    """Another part after the file, which by then is on its way."""

    slug: ClassVar[str] = "fields-before-files"


class OverLimit(Refusal):
    """More than is taken; `params["limit"]` says how much that is."""

    status: ClassVar[int] = 413

    def __init__(self, limit: int, *, field: str | None = None, **params: object) -> None:
        super().__init__(field=field, limit=limit, **params)


class TooManyParts(OverLimit):
    """More parts than are taken."""

    slug: ClassVar[str] = "too-many-parts"


class TooManyFiles(OverLimit):
    """More files at once than are taken; those before are."""

    slug: ClassVar[str] = "too-many-files"


class PartHeaderTooLarge(OverLimit):
    """The header lines of one part are too long together."""

    slug: ClassVar[str] = "part-header-too-large"


class FieldTooLarge(OverLimit):
    """A plain field is too long."""

    slug: ClassVar[str] = "field-too-large"


class FileTooLarge(OverLimit):
    """A file is too large."""

    slug: ClassVar[str] = "file-too-large"


class BodyTooLarge(OverLimit):
    """The whole body is too large."""

    slug: ClassVar[str] = "body-too-large"
