"""The bill of materials has all that is shipped, and is one by CycloneDX's own schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from supply import sbom
from supply.locks import read


@pytest.fixture(scope="module")
def bill() -> str:
    return sbom.write()


def test_it_is_valid(bill: str) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(bill) is None
    assert validator.validate_str(bill.replace('"purl"', '"pearl"')) is not None


def test_everything_is_in_it_once(bill: str) -> None:
    told: dict[str, Any] = json.loads(bill)
    found = sorted((one["name"], one["version"]) for one in told["components"])
    assert found == sorted({(one.name, one.version) for path in sbom.SHIPPED for one in read(path)})
    assert len({one["bom-ref"] for one in told["components"]}) == len(found)
    assert {one["purl"].partition("/")[0] for one in told["components"]} == {"pkg:pypi", "pkg:npm"}
    (gateway,) = (one for one in told["dependencies"] if one["ref"] == told["metadata"]["component"]["bom-ref"])
    assert sorted(gateway["dependsOn"]) == sorted(one["bom-ref"] for one in told["components"])


def test_it_says_under_which_licence_each_is(bill: str) -> None:
    unsaid = [one["name"] for one in json.loads(bill)["components"] if not one.get("licenses")]
    # Not installed here, or not saying: a bill that knew of none would be no use.
    assert len(unsaid) <= 6, unsaid


def test_it_is_the_same_every_time(bill: str) -> None:
    assert sbom.write() == bill
