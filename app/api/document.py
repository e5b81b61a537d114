"""The OpenAPI document: what APIFlask writes of models and views, and what every address here has in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from apiflask import APIFlask

from app.api import hand_ins, problems
from app.api.resources import ADDRESSES, TAGS, Address
from app.tenants.names import NAME

VERSION: Final = "1"
ABOUT: Final = """\
Hand files in for an organization, follow them to their end, and look after what stands around them.

A gateway token is the only way in, as `Authorization: Bearer vnt_…`. It is one organization's, which then is all that \
it sees (anything else is 404), or the house's, which sees every organization; and it is good for the scopes that it \
was given.
"""

#: What stands in an address, with its kind where it has one.
_NAMED: Final = re.compile(r"<(?:(\w+):)?(\w+)>")
_WORD: Final = {"type": "string", "pattern": f"^{NAME.pattern}$"}
_ID: Final = {"type": "string", "format": "uuid"}
#: What stands in paths, by its name.
PARAMETERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "organization": ("The organization's slug.", _WORD),
    "connection": ("The connection's name.", _WORD),
    "operation": ("The operation, without its provider: `certificate`, `document`, `file`.", _WORD),
    "file": ("The provider's own id of it.", {"type": "string", "minLength": 1}),
}
HEADERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "RateLimit-Policy": ("The policy that this call counts for: so many (`q`) in so many seconds (`w`).", {}),
    "RateLimit": ("What is left of it (`r`), and in how many seconds (`t`) it is whole again.", {}),
    "Retry-After": ("Seconds after which another try makes sense.", {"type": "integer"}),
    "ETag": ("Changes with what is shown; for `If-Match`.", {}),
    "Location": ("Where it is from now on.", {"format": "uri-reference"}),
    "Link": ("`rel=next`: the next page, where there is one.", {}),
    "Allow": ("Methods that this address takes.", {}),
    "WWW-Authenticate": ("How to say who you are.", {}),
}
#: Headings in the order in which people meet with what stands under them.
ORDER: Final = (
    "Me",
    "Uploads",
    "Organizations",
    "Connections",
    "Forms",
    "Links",
    "Tokens",
    "Webhooks",
    "Files",
    "Records",
)
#: Headers of problems, by their status.
OF_PROBLEMS: Final = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    409: ("Retry-After",),
    429: ("Retry-After",),
    502: ("Retry-After",),
    503: ("Retry-After",),
}
#: What a status means here; each is a problem, and its `type` says which.
PROBLEMS: Final[Mapping[int, str]] = {
    400: "What was sent cannot be read, or can be read in two ways.",
    401: "No gateway token, or none that is good.",
    403: "The token is good for other things, or from elsewhere; or the organization is suspended.",
    404: "There is no such thing, or it is not the token's.",
    405: "The address does not take that method.",
    408: "The body came too slowly.",
    409: "It is in the way of what is there already.",
    411: "Nothing says how long the body is.",
    412: "It is not any more what `If-Match` says.",
    413: "The body, or a part of it, is larger than is taken.",
    415: "The body is of another media type than is taken.",
    422: "The body or the query is not as it has to be; `errors` says where.",
    424: "The provider refused it; its own words stand in `errors`.",
    429: "More than the token may in a minute, or at once.",
    500: "A fault of ours.",
    501: "A way that this does not go.",
    502: "The provider cannot be reached, is too slow, or failed.",
    503: "The gateway or the provider is busy or away, or the connection is paused.",
    504: "All of it was sent, and nobody knows what became of it.",
    507: "There is no room for a copy.",
}
IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "ETag of what you saw. Where it is another by now, nothing is changed and the answer is 412.",
    "schema": {"type": "string"},
}
IF_NONE_MATCH: Final = IF_MATCH | {
    "name": "If-None-Match",
    "description": "ETag of what you have. Where it still is that, the answer is 304 and has no content.",
}


def init_app(app: APIFlask) -> None:
    """Let `app` write the document, and serve it."""
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        AUTO_TAGS=False,
        AUTO_SERVERS=False,
        AUTO_200_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
        SECURITY_SCHEMES={"token": {"type": "http", "scheme": "bearer", "bearerFormat": "vnt_…"}},
    )
    app.title, app.version, app.description = "Ventanilla", VERSION, ABOUT
    app.spec_processor(finished)  # type: ignore[arg-type] # what is not YAML is a dictionary


def finished(spec: dict[str, Any]) -> dict[str, Any]:
    """Give every operation what all have, and every schema its one name."""
    spec = _flat(spec)
    spec["tags"] = [{"name": name, "description": TAGS[name]} for name in sorted(TAGS, key=_order)]
    spec["security"] = [{"token": []}]
    components = spec["components"]
    for model in (problems.Problem, hand_ins.Upload):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components["schemas"] |= schema.pop("$defs") | {model.__name__: schema}
    components["headers"] = {
        name: {"description": about, "schema": {"type": "string", **more}} for name, (about, more) in HEADERS.items()
    }
    components["responses"] = {_name(status): _problem(status) for status in sorted(PROBLEMS)}
    for address in ADDRESSES.values():
        operation = spec["paths"][_template(address.path)][address.method.lower()]
        _finish(operation, address)
    return spec


def _finish(operation: dict[str, Any], address: Address) -> None:
    """What one operation has in common with the others, and what only it has."""
    for name, value in address.besides.items():
        operation[name] = [*operation[name], *value] if name == "parameters" else operation.get(name, {}) | value
    summary, _, rest = operation["summary"].partition(". ")
    operation["summary"] = summary.rstrip(".")
    about = [rest, operation.get("description", "")]
    if address.scope is not None:
        about.append(f"Scope: `{address.scope}`.")
        operation["x-scope"] = address.scope.value
    operation["description"] = "\n\n".join(filter(None, about))
    own = [one for one in operation["parameters"] if one["in"] != "path"]
    own += [IF_MATCH] if 412 in address.problems else []
    own += [IF_NONE_MATCH] if address.tagged and address.method == "GET" else []
    operation["parameters"] = [_in_path(*found, house=address.house) for found in _NAMED.findall(address.path)] + own
    good = operation["responses"] or {str(address.status): {"description": "Done."}}
    operation["responses"] = {status: _with_headers(status, answer, address) for status, answer in good.items()}
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    if address.tagged and address.method == "GET":
        operation["responses"]["304"] = {"description": "It still is what you have."}
    operation["responses"] |= {str(status): _ref("responses", _name(status)) for status in address.problems}


def _with_headers(status: str, answer: Mapping[str, Any], address: Address) -> dict[str, Any]:
    names = ["RateLimit-Policy", "RateLimit"]
    names += ["ETag"] if address.tagged else []
    names += ["Location"] if status == "201" else []
    return {**answer, "headers": {name: _ref("headers", name) for name in names} | answer.get("headers", {})}


def _in_path(kind: str, name: str, *, house: bool) -> dict[str, Any]:
    about, schema = ("Its id.", _ID) if kind == "uuid" else PARAMETERS[name]
    about += " “house”: the house." if house and name == "organization" else ""
    return {"name": name, "in": "path", "required": True, "description": about, "schema": schema}


def _order(tag: str) -> tuple[int, str]:
    return (ORDER.index(tag) if tag in ORDER else len(ORDER), tag)


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": PROBLEMS[status],
        "content": {problems.MEDIA_TYPE: {"schema": _ref("schemas", "Problem")}},
        "headers": {name: _ref("headers", name) for name in OF_PROBLEMS.get(status, ())},
    }


def _flat(spec: dict[str, Any]) -> dict[str, Any]:
    """Let a model that stands in others be one schema; APIFlask keeps it as `Outer.Inner`, once for each outer one."""
    flat: dict[str, Any] = {}
    for name, schema in sorted(spec["components"]["schemas"].items()):
        if flat.setdefault(name.rpartition(".")[2], schema) != schema:
            raise ValueError(f"Two models have one name: {name}.")
    spec["components"]["schemas"] = flat
    return spec


def _template(path: str) -> str:
    return _NAMED.sub(r"{\2}", path)


def _name(status: int) -> str:
    """What the answer of a status is called among the components."""
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "").replace("'", "")


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
