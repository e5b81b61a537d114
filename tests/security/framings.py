"""Requests that two servers in a row could take for one and for two."""

from __future__ import annotations

from typing import Final

#: What is hidden behind, or in, the first request. Whoever answers it answers twice.
HIDDEN: Final = b"GET /verify HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
ZERO: Final = b"0\r\n\r\n"


def first(*lines: bytes, body: bytes = b"", method: bytes = b"POST", path: bytes = b"/f/nobody") -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: 127.0.0.1", *lines, b"", b""]) + body


def length(count: int) -> bytes:
    return b"Content-Length: " + str(count).encode()


CHUNKED: Final = b"Transfer-Encoding: chunked"
LONG: Final = length(len(ZERO + HIDDEN))

#: How a body's end is said, twice or so that two would read it differently.
FRAMINGS: Final = {
    "a length, and in chunks": first(LONG, CHUNKED, body=ZERO + HIDDEN),
    "in chunks, and a length": first(CHUNKED, LONG, body=ZERO + HIDDEN),
    "in chunks, and a length that is too short": first(length(4), CHUNKED, body=b"5c\r\n" + HIDDEN + ZERO),
    "two lengths": first(length(0), LONG, body=ZERO + HIDDEN),
    "two lengths that agree": first(length(3), length(3), body=b"abc" + HIDDEN),
    "two lengths in a list": first(b"Content-Length: 3, 3", body=b"abc" + HIDDEN),
    "a length with a sign": first(b"Content-Length: +3", body=b"abc" + HIDDEN),
    "a length below zero": first(b"Content-Length: -1", body=HIDDEN),
    "a length in hexadecimal": first(b"Content-Length: 0x3", body=b"abc" + HIDDEN),
    "a length with an underscore": first(b"Content-Length: 1_0", body=b"abcdefghij" + HIDDEN),
    "a length with a space in it": first(b"Content-Length: 1 0", body=b"abcdefghij" + HIDDEN),
    "a length in other digits": first("Content-Length: ٣".encode(), body=b"abc" + HIDDEN),
    "a length with a point": first(b"Content-Length: 3.0", body=b"abc" + HIDDEN),
    "an empty length": first(b"Content-Length:", body=HIDDEN),
    "a length beyond all numbers": first(b"Content-Length: " + b"9" * 400, body=HIDDEN),
    "a space before the colon of a length": first(b"Content-Length : 3", body=b"abc" + HIDDEN),
    "a space before the colon of a coding": first(b"Transfer-Encoding : chunked", LONG, body=ZERO + HIDDEN),
    "a line that goes on": first(b"Transfer-Encoding:\r\n chunked", LONG, body=ZERO + HIDDEN),
    "a tab before a coding's name": first(b"\tTransfer-Encoding: chunked", LONG, body=ZERO + HIDDEN),
    "an underscore in a coding's name": first(b"Transfer_Encoding: chunked", LONG, body=ZERO + HIDDEN),
    "an underscore in a length's name": first(b"Content_Length: 3", body=b"abc" + HIDDEN),
    "a NUL in a coding": first(b"Transfer-Encoding: chunked\0", LONG, body=ZERO + HIDDEN),
    "a vertical tab in a coding": first(b"Transfer-Encoding: \x0bchunked", LONG, body=ZERO + HIDDEN),
    "a coding in quotes": first(b'Transfer-Encoding: "chunked"', LONG, body=ZERO + HIDDEN),
    "a coding nobody knows": first(b"Transfer-Encoding: xchunked", LONG, body=ZERO + HIDDEN),
    "a coding that is none": first(b"Transfer-Encoding: identity", LONG, body=ZERO + HIDDEN),
    "chunked twice": first(b"Transfer-Encoding: chunked, chunked", body=ZERO + HIDDEN),
    "chunked in two lines": first(CHUNKED, CHUNKED, body=ZERO + HIDDEN),
    "chunked, and then something": first(b"Transfer-Encoding: chunked, gzip", body=ZERO + HIDDEN),
    "chunked, and in another line nothing": first(CHUNKED, b"Transfer-Encoding: identity", body=ZERO + HIDDEN),
    "chunks in HTTP/1.0": first(CHUNKED, body=ZERO + HIDDEN).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "a bare line feed after a header": first(b"X: y\nTransfer-Encoding: chunked", LONG, body=ZERO + HIDDEN),
    "a bare carriage return in a header": first(b"X: y\rTransfer-Encoding: chunked", LONG, body=ZERO + HIDDEN),
    "a header without a colon": first(b"Transfer-Encoding chunked", LONG, body=ZERO + HIDDEN),
    "a header without a name": first(b": chunked", LONG, body=ZERO + HIDDEN),
    "a space before the first header": b"POST /f/nobody HTTP/1.1\r\n Host: 127.0.0.1\r\n\r\n" + HIDDEN,
    "only line feeds": first(LONG, CHUNKED, body=ZERO).replace(b"\r\n", b"\n") + HIDDEN,
}
#: Chunks that are not quite what they say.
CHUNKS: Final = {
    "a size with a prefix": b"0x3\r\nabc\r\n" + ZERO,
    "a size with a sign": b"+3\r\nabc\r\n" + ZERO,
    "a size below zero": b"-3\r\nabc\r\n" + ZERO,
    "a size with an underscore": b"0_3\r\nabc\r\n" + ZERO,
    "a space before a size": b" 3\r\nabc\r\n" + ZERO,
    "an empty size": b"\r\nabc\r\n" + ZERO,
    "a size beyond all numbers": b"f" * 400 + b"\r\nabc\r\n" + ZERO,
    "a size that comes round to three": b"10000000000000003\r\nabc\r\n" + ZERO,
    "a chunk longer than it says": b"3\r\nabcdef\r\n" + ZERO,
    "a chunk shorter than it says": b"9\r\nabc\r\n" + ZERO,
    "line feeds alone": b"3\nabc\n0\n\n",
    "a bare line feed in an extension": b"3;a\nabc\r\n" + ZERO,
    "a bare carriage return in an extension": b"3;a=\rb\r\nabc\r\n" + ZERO,
    "an extension without an end": b"3;" + b"a" * 100_000 + b"\r\nabc\r\n" + ZERO,
    "a last chunk of many zeros and more": b"000x\r\n\r\n",
}
#: Request lines, and what stands before them.
LINES: Final = {
    "no version": b"GET /verify\r\n\r\n" + HIDDEN,
    "a version that there is none of": b"GET /verify HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n" + HIDDEN,
    "a version with more to it": b"GET /verify HTTP/1.1x\r\nHost: 127.0.0.1\r\n\r\n" + HIDDEN,
    "version 2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "what a proxy says of its client": b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + HIDDEN,
    "the same in its second version": b"\r\n\r\n\0\r\nQUIT\n" + HIDDEN,
    "a space more": b"GET  /verify HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + HIDDEN,
    "two requests in a line": b"GET /verify HTTP/1.1 GET /verify HTTP/1.1\r\n\r\n" + HIDDEN,
    "a carriage return in the line": b"GET /verify\r HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + HIDDEN,
    "a method of control characters": b"G\x01T /verify HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + HIDDEN,
    "a method of brackets": b"G[T] /verify HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + HIDDEN,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + HIDDEN,
}


def in_chunks(chunks: str) -> bytes:
    """A request with such chunks, and another behind it."""
    return first(CHUNKED, b"Content-Type: application/json", path=b"/api/v1/uploads", body=CHUNKS[chunks]) + HIDDEN
