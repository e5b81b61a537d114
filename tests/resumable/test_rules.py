"""The protocol's own rules, tus 1.0.0, a row each: by the section that it stands in, in our words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.resumable.desk import BEGUN, CONTENT, OCTETS, Desk, checksum, metadata

ALL: Final = str(len(CONTENT))
REST: Final = CONTENT[BEGUN:]
NEXT: Final = {"Upload_Offset": str(BEGUN), "Content_Type": OCTETS["Content-Type"]}
FIRST: Final = {"Upload_Offset": "0", "Content_Type": OCTETS["Content-Type"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is asked of a file in which state, and what has to come back: headers, None for one that must not."""

    id: str
    says: str
    to: Callable[[Desk], str]
    method: str
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes = b""
    status: int
    shows: Mapping[str, str | None] = field(default_factory=dict)
    #: What is safe afterwards.
    offset: int | None = None


RULES: Final = (
    Rule(
        id="headers/1",
        says="a request that does not name its version is not served, and hears which there is",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Tus_Resumable": None},
        body=REST,
        status=412,
        shows={"Tus-Version": "1.0.0"},
        offset=BEGUN,
    ),
    Rule(
        id="headers/2",
        says="nor is one of another version, whatever the method",
        to=Desk.begun,
        method="HEAD",
        headers={"Tus_Resumable": "0.2.2"},
        status=412,
        shows={"Tus-Version": "1.0.0", "Upload-Offset": None},
    ),
    Rule(
        id="headers/3",
        says="every answer names the version, refusals too",
        to=Desk.unknown,
        method="HEAD",
        status=404,
        shows={"Tus-Resumable": "1.0.0"},
    ),
    Rule(
        id="headers/4",
        says="the method that overrides is the one that counts",
        to=Desk.begun,
        method="POST",
        headers={**NEXT, "X_HTTP_Method_Override": "PATCH"},
        body=REST,
        status=204,
        shows={"Upload-Offset": ALL},
    ),
    Rule(
        id="headers/5",
        says="also where the other would have been served",
        to=Desk.begun,
        method="PATCH",
        headers={"X_HTTP_Method_Override": "HEAD"},
        status=200,
        shows={"Upload-Offset": str(BEGUN)},
    ),
    Rule(
        id="headers/6",
        says="a number is digits and nothing else",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Upload_Offset": "-1"},
        body=REST,
        status=400,
        offset=BEGUN,
    ),
    Rule(
        id="headers/7",
        says="a method that there is not is said not to be, and which there are",
        to=Desk.begun,
        method="PUT",
        headers=NEXT,
        body=REST,
        status=405,
        shows={"Allow": "OPTIONS, HEAD, PATCH, DELETE"},
        offset=BEGUN,
    ),
    Rule(
        id="options/1",
        says="whoever asks is told what is spoken, whatever version they name",
        to=Desk.none,
        method="OPTIONS",
        headers={"Tus_Resumable": "0.1", "Authorization": None},
        status=204,
        shows={
            "Tus-Version": "1.0.0",
            "Tus-Extension": "creation,creation-defer-length,creation-with-upload,expiration,checksum,termination,"
            "concatenation",
            "Tus-Max-Size": str(5 << 30),
            "Tus-Checksum-Algorithm": "sha1,sha256",
        },
    ),
    Rule(
        id="head/1",
        says="the offset is told, the length where it is known, and nobody may keep the answer",
        to=Desk.begun,
        method="HEAD",
        status=200,
        shows={
            "Upload-Offset": str(BEGUN),
            "Upload-Length": ALL,
            "Cache-Control": "no-store",
            "Upload-Defer-Length": None,
        },
    ),
    Rule(
        id="head/2",
        says="the offset is told when it is 0",
        to=Desk.fresh,
        method="HEAD",
        status=200,
        shows={"Upload-Offset": "0"},
    ),
    Rule(
        id="head/3",
        says="and when nothing is missing",
        to=Desk.whole,
        method="HEAD",
        status=200,
        shows={"Upload-Offset": ALL, "Ventanilla-State": "waiting"},
    ),
    Rule(
        id="head/4",
        says="of what there is not, no offset is told",
        to=Desk.unknown,
        method="HEAD",
        status=404,
        shows={"Upload-Offset": None},
    ),
    Rule(
        id="patch/1",
        says="a piece that fits is taken, and the new offset told",
        to=Desk.fresh,
        method="PATCH",
        headers=FIRST,
        body=CONTENT[:5],
        status=204,
        shows={"Upload-Offset": "5"},
        offset=5,
    ),
    Rule(
        id="patch/2",
        says="a piece that is not sent as one is not taken",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Content_Type": "application/octet-stream"},
        body=REST,
        status=415,
        offset=BEGUN,
    ),
    Rule(
        id="patch/3",
        says="nor one that begins too late",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Upload_Offset": "10"},
        body=REST[1:],
        status=409,
        offset=BEGUN,
    ),
    Rule(
        id="patch/4",
        says="or too early",
        to=Desk.begun,
        method="PATCH",
        headers=FIRST,
        body=CONTENT,
        status=409,
        offset=BEGUN,
    ),
    Rule(
        id="patch/5",
        says="nor one that does not say where it begins",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Upload_Offset": None},
        body=REST,
        status=400,
        offset=BEGUN,
    ),
    Rule(
        id="patch/6",
        says="what there is not takes nothing",
        to=Desk.unknown,
        method="PATCH",
        headers=FIRST,
        body=CONTENT,
        status=404,
    ),
    Rule(
        id="patch/7",
        says="more than was announced is not taken, and nothing of it kept",
        to=Desk.begun,
        method="PATCH",
        headers=NEXT,
        body=REST + b"x",
        status=413,
        offset=BEGUN,
    ),
    Rule(
        id="patch/8",
        says="an empty piece changes nothing",
        to=Desk.begun,
        method="PATCH",
        headers=NEXT,
        status=204,
        shows={"Upload-Offset": str(BEGUN)},
        offset=BEGUN,
    ),
    Rule(
        id="patch/9",
        says="an empty piece at the end tells the outcome again",
        to=Desk.whole,
        method="PATCH",
        headers={**NEXT, "Upload_Offset": ALL},
        status=204,
        shows={"Upload-Offset": ALL, "Ventanilla-State": "waiting"},
    ),
    Rule(
        id="creation/1",
        says="a file that is begun has an address",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL},
        status=201,
        shows={"Upload-Offset": None},
    ),
    Rule(id="creation/2", says="its length is told", to=Desk.none, method="POST", status=400),
    Rule(
        id="creation/3",
        says="or that it is told later, and not both",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, "Upload_Defer_Length": "1"},
        status=400,
    ),
    Rule(
        id="creation/4",
        says="told later is 1 and nothing else",
        to=Desk.none,
        method="POST",
        headers={"Upload_Defer_Length": "2"},
        status=400,
    ),
    Rule(
        id="creation/5",
        says="as long as it is open, that is told",
        to=Desk.deferred,
        method="HEAD",
        status=200,
        shows={"Upload-Defer-Length": "1", "Upload-Length": None, "Upload-Offset": "0"},
    ),
    Rule(
        id="creation/6",
        says="with a piece it is told",
        to=Desk.deferred,
        method="PATCH",
        headers={**FIRST, "Upload_Length": ALL},
        body=CONTENT,
        status=204,
        shows={"Upload-Offset": ALL, "Ventanilla-State": "waiting"},
    ),
    Rule(
        id="creation/7",
        says="and does not change any more",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Upload_Length": "25"},
        body=REST,
        status=400,
        offset=BEGUN,
    ),
    Rule(
        id="creation/8",
        says="more than is taken at all is not begun",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": str((5 << 30) + 1)},
        status=413,
    ),
    Rule(
        id="creation/9",
        says="metadata: no name twice",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, "Upload_Metadata": metadata(a="1") + "," + metadata(a="2")},
        status=400,
    ),
    Rule(
        id="creation/10",
        says="metadata: values are Base64",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, "Upload_Metadata": "filename a.csv"},
        status=400,
    ),
    Rule(
        id="creation/11",
        says="metadata: a name is not empty",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, "Upload_Metadata": " YQ==,"},
        status=400,
    ),
    Rule(
        id="creation/12",
        says="metadata: what is said is text",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, "Upload_Metadata": "filename /w=="},
        status=400,
    ),
    Rule(
        id="creation/13",
        says="metadata: which a database can keep",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, "Upload_Metadata": metadata(filename="a\0.csv")},
        status=400,
    ),
    Rule(
        id="creation/14",
        says="a length that is told later is not more than is taken, either",
        to=Desk.deferred,
        method="PATCH",
        headers={**FIRST, "Upload_Length": str((5 << 30) + 1)},
        body=CONTENT,
        status=413,
        offset=0,
    ),
    Rule(
        id="creation-with-upload/1",
        says="the first piece may come with the beginning, and its offset is told",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, **OCTETS},
        body=CONTENT[:5],
        status=201,
        shows={"Upload-Offset": "5"},
    ),
    Rule(
        id="creation-with-upload/2",
        says="all of it may",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, **OCTETS},
        body=CONTENT,
        status=201,
        shows={"Upload-Offset": ALL, "Ventanilla-State": "waiting"},
    ),
    Rule(
        id="creation-with-upload/3",
        says="as a piece is sent",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, "Content-Type": "text/csv"},
        body=CONTENT,
        status=415,
    ),
    Rule(
        id="expiration/1",
        says="what has expired is gone",
        to=Desk.expired,
        method="HEAD",
        status=410,
        shows={"Upload-Offset": None},
    ),
    Rule(
        id="expiration/2",
        says="and takes nothing",
        to=Desk.expired,
        method="PATCH",
        headers=NEXT,
        body=REST,
        status=410,
    ),
    Rule(
        id="checksum/1",
        says="a piece that is what its checksum says is taken",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Upload_Checksum": checksum(REST)},
        body=REST,
        status=204,
        shows={"Upload-Offset": ALL},
    ),
    Rule(
        id="checksum/2",
        says="by any algorithm that is offered",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Upload_Checksum": checksum(REST, "sha256")},
        body=REST,
        status=204,
        shows={"Upload-Offset": ALL},
    ),
    Rule(
        id="checksum/3",
        says="one that is not, is not, and nothing of it is kept",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Upload_Checksum": checksum(CONTENT)},
        body=REST,
        status=460,
        offset=BEGUN,
    ),
    Rule(
        id="checksum/4",
        says="an algorithm that is not offered is refused",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Upload_Checksum": checksum(REST, "md5")},
        body=REST,
        status=400,
        offset=BEGUN,
    ),
    Rule(
        id="checksum/5",
        says="and what is no hash of its algorithm",
        to=Desk.begun,
        method="PATCH",
        headers={**NEXT, "Upload_Checksum": "sha1 YQ=="},
        body=REST,
        status=400,
        offset=BEGUN,
    ),
    Rule(id="termination/1", says="a file can be given up", to=Desk.begun, method="DELETE", status=204),
    Rule(
        id="termination/2",
        says="and is gone then",
        to=Desk.given_up,
        method="PATCH",
        headers=NEXT,
        body=REST,
        status=410,
    ),
    Rule(id="termination/3", says="once", to=Desk.given_up, method="DELETE", status=410),
    Rule(id="termination/4", says="what there is not cannot", to=Desk.unknown, method="DELETE", status=404),
    Rule(
        id="concatenation/1",
        says="a part says that it is one",
        to=Desk.unfinished_part,
        method="HEAD",
        status=200,
        shows={"Upload-Concat": "partial", "Upload-Offset": "0", "Upload-Length": ALL},
    ),
    Rule(
        id="concatenation/2",
        says="a whole part is not handed on by itself",
        to=Desk.part,
        method="HEAD",
        status=200,
        shows={"Upload-Concat": "partial", "Upload-Offset": ALL, "Ventanilla-Upload": None},
    ),
    Rule(
        id="concatenation/3",
        says="what is joined is whole, and handed on",
        to=Desk.joined,
        method="HEAD",
        status=200,
        shows={"Upload-Offset": ALL, "Upload-Length": ALL, "Ventanilla-State": "waiting"},
    ),
    Rule(
        id="concatenation/4",
        says="and takes no piece",
        to=Desk.joined,
        method="PATCH",
        headers={**FIRST, "Upload_Offset": ALL},
        body=b"x",
        status=403,
    ),
    Rule(
        id="concatenation/5",
        says="its length is that of its parts, and not told",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, "Upload_Concat": "final;/files/" + "x" * 32},
        status=400,
    ),
    Rule(
        id="concatenation/6",
        says="parts that there are not cannot be joined",
        to=Desk.none,
        method="POST",
        headers={"Upload_Concat": "final;/files/" + "x" * 32},
        status=404,
    ),
    Rule(
        id="concatenation/7",
        says="what is joined is named",
        to=Desk.none,
        method="POST",
        headers={"Upload_Concat": "final;"},
        status=400,
    ),
    Rule(
        id="concatenation/8",
        says="there are parts and what is joined, nothing else",
        to=Desk.none,
        method="POST",
        headers={"Upload_Length": ALL, "Upload_Concat": "both"},
        status=400,
    ),
    Rule(
        id="concatenation/9",
        says="by addresses of ours",
        to=Desk.none,
        method="POST",
        headers={"Upload_Concat": "final;/files/" + "x" * 32 + " /elsewhere/" + "x" * 32},
        status=400,
    ),
    Rule(
        id="concatenation/10",
        says="what is joined comes with nothing of its own",
        to=Desk.none,
        method="POST",
        headers={"Upload_Concat": "final;/files/" + "x" * 32, **OCTETS},
        body=CONTENT,
        status=403,
    ),
)


@pytest.fixture(params=["inside", pytest.param("desk", marks=pytest.mark.live)])
def asked(request: pytest.FixtureRequest) -> Desk:
    """Who is asked: the gateway in this process, and as it runs in life."""
    found: Desk = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule(asked: Desk, rule: Rule) -> None:
    path = rule.to(asked)
    headers = dict(rule.headers)
    if rule.method == "POST" and path == "/files":
        headers.setdefault("Upload_Metadata", asked.said())
    answer = asked.ask(rule.method, path, rule.body, **headers)
    assert answer.status == rule.status, (rule.says, answer)
    assert {name: answer[name] for name in rule.shows} == rule.shows, rule.says
    assert answer["Tus-Resumable"] == "1.0.0"
    if rule.offset is not None:
        assert asked.offset(path) == rule.offset, rule.says


def test_the_address_of_what_was_begun_is_where_it_goes_on(asked: Desk) -> None:
    made = asked.create()
    assert made["Upload-Expires"]
    assert asked.patch(made["Location"] or "", 0, CONTENT[:3])["Upload-Expires"]


def test_metadata_comes_back_as_it_was_said(asked: Desk) -> None:
    said = asked.said(external_id="é, 7") + ",metadata"
    assert asked.ask("HEAD", asked.fresh(Upload_Metadata=said))["Upload-Metadata"] == said


def test_parts_that_are_not_whole_are_not_joined(asked: Desk) -> None:
    parts = f"final;{asked.part()} {asked.unfinished_part()}"
    assert asked.create(Upload_Length=None, Upload_Concat=parts).status == 409


def test_no_rule_stands_here_twice() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
