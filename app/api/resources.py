"""How an address of the API is declared: who may ask, what is taken and shown, and what else is answered.

One declaration makes the route, lets the asker in before anything of the request is read, takes the body, writes the
answer, and stands in the document. What a resource does is its view's, which is given who asks (`asker`), and `body`
and `query` where it takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, TypeVar

from apiflask import APIBlueprint
from apiflask.schema_adapters import registry
from flask import Response, make_response, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from werkzeug.routing import BaseConverter

from app.api import asking, etags, schemas
from app.api.errors import NothingHere
from app.api.paging import Page
from app.tenants.names import RESERVED
from app.tenants.tokens import Scope

V = TypeVar("V", bound=Callable[..., Any])

PREFIX: Final = "/api/v1"
#: What may be answered whatever is asked for: no token, one for other things, too many calls, and faults of ours.
ALWAYS: Final = (401, 403, 429, 500, 503)
#: What a body can be refused with before it is looked at.
BODY: Final = (400, 408, 411, 413, 415, 422)


class ConnectionName(BaseConverter):
    """What may be a connection's name where an address could mean something else: `…/forms/x` is no hand-in."""

    regex = rf"(?!(?:{'|'.join(sorted(RESERVED))})$)[^/]+"
    part_isolating = True


api: Final = APIBlueprint("api", __name__)
registry.register("pydantic", schemas.Adapter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One method of one address, as it was declared; the document and the tests read it."""

    endpoint: str
    method: str
    path: str
    tag: str
    #: What the token has to be allowed; None: any good one will do.
    scope: Scope | None
    #: Statuses of the problems that it may answer with.
    problems: tuple[int, ...]
    #: Of an answer that no model shows.
    status: int = 200
    #: Whether “house” may stand for the organization.
    house: bool = False
    #: Whether what is shown has an ETag.
    tagged: bool = False
    #: What the document says besides, where no model can.
    besides: Mapping[str, Any] = field(default_factory=dict)


#: Every address that is let in to by a token.
ADDRESSES: Final[dict[str, Address]] = {}
#: Headings of the document, in the order in which they were made, with a sentence each.
TAGS: Final[dict[str, str]] = {}


class Resource:
    """The addresses of one kind of thing, under one heading of the document."""

    def __init__(self, tag: str, about: str) -> None:
        self._tag = tag
        TAGS[tag] = about

    def route(
        self,
        method: str,
        path: str,
        *,
        scope: Scope | None,
        shows: type[BaseModel] | None = None,
        status: int = 200,
        takes: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        problems: tuple[int, ...] = (),
        house: bool = False,
        tagged: bool = False,
        besides: Mapping[str, Any] | None = None,
    ) -> Callable[[V], V]:
        """Declare an address. `shows` None: the answer has no content, or one that no model shows."""
        guarded = tagged and method in {"PATCH", "DELETE"}
        expected = {*ALWAYS, *problems, *(BODY if takes else ()), *((400, 422) if query else ())}
        expected |= {404} if "<" in path else set()
        expected |= {412} if guarded else set()

        def declare(view: V) -> V:
            address = Address(
                endpoint=view.__name__,
                method=method,
                path=PREFIX + path,
                tag=self._tag,
                scope=scope,
                problems=tuple(sorted(expected)),
                status=status,
                house=house,
                tagged=tagged,
                besides=besides or {},
            )
            answers = _written(view, tagged=tagged, status=status)
            answers = api.output(shows, status_code=status, description=shows.__doc__)(answers) if shows else answers
            answers = api.input(query, location="query", arg_name="query")(answers) if query else answers
            answers = api.input(takes, location="json", arg_name="body")(answers) if takes else answers
            served(address)(_let_in(answers, address))
            return view

        return declare


def served(address: Address) -> Callable[[V], V]:
    """Serve a view at an address that lets in and answers by itself, and remember how it was declared."""

    def serve(view: V) -> V:
        ADDRESSES[address.endpoint] = address
        options: dict[str, Any] = {"methods": [address.method], "provide_automatic_options": False}
        documented = api.doc(operation_id=address.endpoint, tags=[address.tag])(view)
        api.add_url_rule(address.path, address.endpoint, documented, **options)
        return view

    return serve


def _let_in(view: Callable[..., ResponseReturnValue], address: Address) -> Callable[..., ResponseReturnValue]:
    """Let the asker in, before what it sent is looked at."""

    @wraps(view)
    def serve(organization: str | None = None, **named: Any) -> ResponseReturnValue:
        asker = asking.admit(address.scope, organization, house=address.house, upload_id=named.get("upload_id"))
        if any(isinstance(value, str) and "\0" in value for value in named.values()):
            raise NothingHere  # no text of the database has one
        response = make_response(view(asker=asker, **named))
        return response.make_conditional(request) if request.method in {"GET", "HEAD"} else response

    return serve


def _written(view: Callable[..., Any], *, tagged: bool, status: int) -> Callable[..., Any]:
    """Add to what a view shows the headers that follow from it; a view adds its own as (what it shows, headers)."""

    @wraps(view)
    def serve(**named: Any) -> Any:
        answer = view(**named)
        if answer is None:
            return Response(status=status)
        shown, headers = answer if isinstance(answer, tuple) else (answer, {})
        if not isinstance(shown, BaseModel):
            return shown
        if isinstance(shown, Page) and shown.next:
            headers = {**headers, "Link": f'<{_following(shown.next)}>; rel="next"'}
        if tagged:
            headers = {**headers, "ETag": f'"{etags.of(shown)}"'}
        return shown, status, headers

    return serve


def _following(cursor: str) -> str:
    """Address of the page after this one."""
    named: dict[str, Any] = {**(request.view_args or {}), **request.args.to_dict(), "cursor": cursor}
    return url_for(str(request.endpoint), **named)
