from __future__ import annotations

import gc
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Refusal
from app.intake import Collected, Deadlines, KnownEnd, Limits, Reception, receive
from app.intake.body import Body
from app.intake.errors import BodyTooLarge
from tests.intake.forms import CER, NAME, body, named, part

SECRET = "contraseña-12345678a"
PASSWORD = part(SECRET.encode(), named("password"))


def environ(content: bytes, **more: str) -> dict[str, Any]:
    return {
        "wsgi.input": io.BytesIO(content),
        "CONTENT_TYPE": "multipart/form-data; boundary=B",
        "CONTENT_LENGTH": str(len(content)),
        **more,
    }


def collect(content: bytes, **more: str) -> Collected:
    with receive(environ(content, **more), Limits(), Deadlines()) as reception:
        return reception.collect(files=["cer", "key"], fields=["notice"], secrets=["password"])


def refused(content: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        collect(content)
    return caught.value


def test_parts_come_in_any_order() -> None:
    made = [part(b"yes"), part(b"\0file\r\n", CER), PASSWORD]
    first, last = collect(body(*made)), collect(body(*reversed(made)))
    assert first == last
    assert first.fields == {"notice": "yes"}
    assert first.secrets["password"].get_secret_value() == SECRET
    file = first.files["cer"]
    assert (file.name, file.filename, file.content_type) == ("cer", "a.cer", "application/octet-stream")
    assert (file.content, file.sha256) == (b"\0file\r\n", hashlib.sha256(b"\0file\r\n").hexdigest())


def test_what_was_not_sent_is_not_there() -> None:
    assert collect(body()) == Collected(fields={"notice": "x"}, secrets={}, files={})


def test_a_file_input_that_was_left_empty_is_not_there() -> None:
    assert collect(body(part(b"", CER.replace(b"a.cer", b"")))).files == {}


def test_an_empty_file_is_there() -> None:
    assert collect(body(part(b"", CER))).files["cer"].content == b""


def test_a_file_without_a_type_has_the_general_one() -> None:
    assert collect(body(part(b"x", named("cer") + b'; filename="a"'))).files["cer"].content_type == (
        "application/octet-stream"
    )


@pytest.mark.parametrize(
    ("made", "slug", "field"),
    [
        (part(b"x", named("other")), "unknown-part", None),
        (part(b"x", named("cer")), "not-a-file", "cer"),
        (part(b"x", NAME + b'; filename="a"'), "not-a-field", "notice"),
        (part(b"x", named("password") + b'; filename="a"'), "not-a-field", "password"),
        (part(b"x", CER.replace(b"a.cer", b"")), "bad-file-name", "cer"),
        (part(b"\xff"), "not-text", "notice"),
        (part(b"a\0b"), "not-text", "notice"),
        (part(b"\xff", named("password")), "not-text", "password"),
        (part() + part(), "duplicate-part", "notice"),
        (PASSWORD + PASSWORD, "duplicate-part", "password"),
    ],
)
def test_what_the_form_does_not_ask_for_is_refused(made: bytes, slug: str, field: str | None) -> None:
    refusal = refused(body(made))
    assert (refusal.slug, refusal.status, refusal.field) == (slug, 400, field)
    assert refusal.params == ({} if slug == "bad-file-name" else {"name": field or "other"})


def test_nothing_is_returned_before_the_closing_delimiter() -> None:
    assert refused(body(PASSWORD, part(b"x", CER), end=b"--B-")).slug == "truncated"


@pytest.mark.parametrize(
    ("more", "slug", "status"),
    [
        ({"CONTENT_TYPE": "text/plain"}, "not-multipart", 415),
        ({"CONTENT_TYPE": "multipart/form-data"}, "bad-boundary", 400),
        ({"CONTENT_LENGTH": ""}, "length-required", 411),
        ({"CONTENT_LENGTH": "65537"}, "body-too-large", 413),
        ({"CONTENT_LENGTH": "+7"}, "malformed", 400),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, "encoded", 400),
        ({"HTTP_TRANSFER_ENCODING": "gzip, chunked"}, "encoded", 400),
    ],
)
def test_what_the_headers_say_is_refused_before_a_byte_is_read(more: dict[str, str], slug: str, status: int) -> None:
    class Unread:
        def read(self, size: int) -> bytes:
            raise AssertionError

    sent = environ(body(), **more) | {"wsgi.input": Unread()}
    with pytest.raises(Refusal) as caught, receive(sent, Limits(), Deadlines()):
        raise AssertionError
    assert (caught.value.slug, caught.value.status) == (slug, status)


def test_a_body_of_the_very_limit_is_taken_and_one_byte_more_names_it() -> None:
    limits = Limits(body_bytes=len(body()))
    with receive(environ(body()), limits, Deadlines()) as reception:
        assert reception.collect(files=[], fields=["notice"], secrets=[]).fields
    with pytest.raises(BodyTooLarge) as caught, receive(environ(body() + b"x"), limits, Deadlines()):
        raise AssertionError
    assert caught.value.params == {"limit": len(body())}


def test_no_content_type_is_no_form() -> None:
    sent = environ(body())
    del sent["CONTENT_TYPE"]
    with pytest.raises(Refusal, match="not-multipart"), receive(sent, Limits(), Deadlines()):
        raise AssertionError


def test_identity_is_no_encoding() -> None:
    assert collect(body(), HTTP_CONTENT_ENCODING="identity").fields


@pytest.mark.parametrize(("end", "trusted"), [(b"--B-", False), (b"--B--x", True)])
def test_what_follows_a_body_without_an_end_is_not_taken_for_a_request(end: bytes, trusted: bool) -> None:
    sent = environ(body(end=end))
    with pytest.raises(Refusal), receive(sent, Limits(), Deadlines()) as reception:
        reception.collect(files=[], fields=["notice"], secrets=[])
    assert Body.of(sent, Deadlines()).trusted is trusted


# Secrets.


def test_neither_secret_nor_content_is_printed() -> None:
    shown = repr(collect(body(PASSWORD, part(SECRET.encode(), CER), part(SECRET.encode()))))
    assert SECRET not in shown
    assert "cer" in shown


def locals_of(refusal: BaseException) -> Iterator[object]:
    """Everything that the frames of a traceback, and of what came before it, still hold."""
    seen: BaseException | None = refusal
    while seen:
        yield from (seen.args, vars(seen))
        step = seen.__traceback__
        while step:
            if step.tb_frame.f_globals.get("__name__") != __name__:  # ours hold what we sent
                yield from step.tb_frame.f_locals.values()
            step = step.tb_next
        seen = seen.__context__


@pytest.mark.parametrize(
    "content",
    [
        body(PASSWORD, part(b"\xff" + SECRET.encode())),
        body(part(b"\xff" + SECRET.encode(), named("password"))),
        body(PASSWORD, part(b"x", named("other"))),
        body(PASSWORD, part(b"x", b"\xff")),
        body(PASSWORD, part(b"x", b"X" * 5000)),
        body(PASSWORD, end=b""),
        body(PASSWORD, PASSWORD),
        body(part(SECRET.encode() * 300, named("password"))),
    ],
)
def test_a_refusal_holds_nothing_of_what_had_arrived(content: bytes) -> None:
    sent = environ(content)
    with pytest.raises(Refusal) as caught, receive(sent, Limits(), Deadlines()) as reception:
        reception.collect(files=["cer"], fields=["notice"], secrets=["password"])
    del sent
    for held in locals_of(caught.value):
        assert SECRET.encode() not in bytes(repr(held), "utf-8")
        assert "contrase" not in repr(held)


def test_buffers_are_dropped_when_the_reception_ends() -> None:
    receptions: list[Reception] = []
    with pytest.raises(Refusal), receive(environ(body(PASSWORD, part(b"x", named("q")))), Limits(), Deadlines()) as got:
        receptions.append(got)
        got.collect(files=[], fields=[], secrets=["password"])
    gc.collect()
    marker = b"contrase"
    assert not [kept for kept in gc.get_referents(receptions[0]._events) if isinstance(kept, bytes) and marker in kept]


# As a view meets it.


def flask_app() -> Flask:
    app = Flask(__name__)
    app.wsgi_app = KnownEnd(app.wsgi_app)  # type: ignore[method-assign]

    @app.post("/take")
    def take() -> Any:
        try:
            with receive(request.environ, Limits(), Deadlines()) as reception:
                got = reception.collect(files=["cer"], fields=["notice"], secrets=["password"])
        except Refusal as refusal:
            return {"slug": refusal.slug}, refusal.status
        return {"fields": got.fields, "files": list(got.files)}

    @app.post("/form")
    def form() -> Any:
        return dict(request.form)

    return app


def test_a_view_receives_beside_flask() -> None:
    answer = (
        flask_app()
        .test_client()
        .post("/take", data=body(part(b"yes"), part(b"x", CER)), content_type="multipart/form-data; boundary=B")
    )
    assert answer.json == {"fields": {"notice": "yes"}, "files": ["cer"]}


def test_other_forms_are_flask_s_as_ever() -> None:
    assert flask_app().test_client().post("/form", data={"a": "b"}).json == {"a": "b"}


@given(
    st.binary(max_size=300), st.sampled_from(["multipart/form-data; boundary=B", "multipart/form-data; boundary=é", ""])
)
def test_no_body_gives_a_500(content: bytes, content_type: str) -> None:
    answer = flask_app().test_client().post("/take", data=b"--B\r\n" + content, content_type=content_type)
    assert 400 <= answer.status_code < 500
