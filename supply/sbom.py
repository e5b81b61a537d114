"""Writes the bill of materials in CycloneDX: `python -m supply.sbom FILE`. The same lock files give the same bytes."""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from supply.locks import ROOT, Package, read

#: What is shipped: what the gateway runs on, and what its pages' files are built of.
SHIPPED: Final = (ROOT / "requirements.txt", ROOT / "package-lock.json")

_LICENCES: Final = LicenseFactory()
_ALGORITHMS: Final = {
    "sha256": HashAlgorithm.SHA_256,
    "sha384": HashAlgorithm.SHA_384,
    "sha512": HashAlgorithm.SHA_512,
}


def write(lock_files: Iterable[Path] = SHIPPED) -> str:
    """The bill of all that these lock."""
    lock_files = tuple(lock_files)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    gateway = Component(
        name=project["name"], version=project["version"], type=ComponentType.APPLICATION, bom_ref=project["name"]
    )
    bom = Bom(components=[_component(package) for path in lock_files for package in read(path)])
    bom.metadata.component = gateway
    bom.register_dependency(gateway, bom.components)
    told: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    # The library takes both from the clock and from chance.
    del told["metadata"]["timestamp"]
    told["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, _digest(lock_files)).urn
    return json.dumps(told, indent=2, sort_keys=True) + "\n"


def _component(package: Package) -> Component:
    namespace, _, name = package.name.rpartition("/")
    purl = PackageURL(type=package.index, namespace=namespace or None, name=name, version=package.version)
    return Component(
        name=package.name,
        version=package.version,
        purl=purl,
        bom_ref=str(purl),
        hashes=_hashes(package),
        licenses=[_LICENCES.make_from_string(package.licence)] if package.licence else [],
    )


def _hashes(package: Package) -> list[HashType]:
    """Of several files, each of which would do, nobody knows here which one is installed."""
    if len(package.hashes) != 1:
        return []
    ((kind, digest),) = package.hashes
    return [HashType(alg=_ALGORITHMS[kind], content=digest)]


def _digest(lock_files: Iterable[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in lock_files)).hexdigest()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(write())
