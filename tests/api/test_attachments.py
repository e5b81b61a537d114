"""No answer of the API is shown by a browser as a page of ours, but for those that are pages."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.api import pages, problems
from tests.api.addresses import CASES, call, names_in
from tests.api.conftest import Desk, Furnish
from tests.api.test_isolation import PUBLIC

API = 'attachment; filename="api.json"'


def is_a_file(answer: TestResponse) -> bool:
    """Whether a browser keeps it instead of showing it; what is empty is nothing to show."""
    return not answer.data or answer.headers.get("Content-Disposition", "").startswith("attachment")


@pytest.mark.attack("browsers", "every answer of the API, opened as a page", "it is a file to a browser")
@pytest.mark.parametrize("endpoint", sorted(CASES))
def test_every_answer_is_a_file(desk: Desk, furnish: Furnish, endpoint: str) -> None:
    case = CASES[endpoint]
    named = furnish(desk.mine, case.state, names_in(endpoint)).named
    done = call(desk, endpoint, named, desk.token("house both" if case.by_house else "both"))
    assert done.status_code == case.status, done.text
    refused = call(desk, endpoint, named, desk.token("expired"))
    assert refused.status_code == 401
    assert is_a_file(done)
    assert refused.headers["Content-Disposition"] == API
    if done.mimetype == "application/json":
        assert "filename=" in done.headers["Content-Disposition"]


def test_so_is_what_no_address_fits(desk: Desk) -> None:
    for path, method in (("/api/v1/nothing", "GET"), ("/api/v1/me", "PATCH"), ("/files", "POST"), ("/files/x", "HEAD")):
        answer = desk.ask(method, path)
        assert answer.status_code >= 400
        assert answer.headers["Content-Disposition"] == API, path


def test_pages_are_still_pages_and_the_document_is_read_as_before(app: Flask) -> None:
    visitor = app.test_client()
    for path in (pages.PAGE, problems.PAGE):
        page = visitor.get(path)
        assert (page.status_code, page.mimetype) == (200, "text/html")
        assert "Content-Disposition" not in page.headers
    document = visitor.get(pages.DOCUMENT)
    assert document.json
    assert document.json["openapi"].startswith("3.1")
    assert document.headers["Content-Disposition"] == API
    assert {"api.openapi", "api.page"} == PUBLIC, "what else anybody may read has a line here"


def test_what_passes_through_is_left_as_it_is(desk: Desk) -> None:
    """A refusal in the vendor's words has what the vendor's have, and no more."""
    answer = desk.ask("GET", "/proxy/facturapi/v2/organizations/me", None)
    assert (answer.status_code, answer.is_json) == (401, True)
    assert "Content-Disposition" not in answer.headers
