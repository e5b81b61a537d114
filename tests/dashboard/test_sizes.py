"""A page and all that it loads is small."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.portal.assets import DIST

MOST = 200_000


def weights(client: FlaskClient, path: str) -> list[bytes]:
    """The page, and each file that it loads."""
    page = client.get(path)
    assert page.status_code == 200
    return [page.data, *((DIST / name).read_bytes() for name in set(re.findall(r"/static/dist/([\w.-]+)", page.text)))]


@pytest.mark.parametrize("path", ["/admin/usage", "/admin/uploads", "/admin/organizations", "/admin/search?q=sa"])
def test_a_page_is_small(app: Flask, life: Mapping[str, str], enter: Callable[..., FlaskClient], path: str) -> None:
    assert sum(map(len, weights(enter(), path))) < MOST


def test_home_is_small_as_it_travels_with_its_charts(
    app: Flask, life: Mapping[str, str], enter: Callable[..., FlaskClient]
) -> None:
    """Its files come packed; the page itself as it is."""
    client = enter()
    part = client.get("/admin/charts?period=90d", headers={"HX-Request": "true"})
    page, *files = weights(client, "/admin")
    assert len(page) + len(part.data) + sum(len(gzip.compress(one)) for one in files) < MOST
