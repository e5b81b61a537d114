"""What a file must pass before any of it leaves for a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from app.checks import certificate, image, policy
from app.checks.antivirus import scanning
from app.checks.base import Check, CheckResult, Given
from app.checks.budget import INSPECTIONS
from app.checks.clamd import Scanner
from app.checks.content import HEAD_BYTES
from app.checks.errors import Busy, Rejected, ScannerAway, Unfit
from app.checks.policy import Policy
from app.checks.sat import Kind
from app.checks.watching import Watch, watch
from app.providers.operation import Operation

if TYPE_CHECKING:
    from app.intake import Collected

__all__ = [
    "CHECKS",
    "HEAD_BYTES",
    "INSPECTIONS",
    "Busy",
    "CheckResult",
    "Policy",
    "Rejected",
    "Scanner",
    "ScannerAway",
    "Watch",
    "run",
    "watch",
]


def run(
    operation: Operation,
    collected: Collected,
    *,
    secrets: Mapping[str, SecretStr],
    expected_rfc: str | None,
    now: datetime,
    scanner: Scanner | None = None,
) -> CheckResult:
    """Put a hand-in that is whole through its operation's check; raises Rejected with the first thing that is wrong.

    Raises ScannerAway where the antivirus has to be asked and cannot be. What is secret is shown to nobody.
    """
    given = Given(operation=operation, collected=collected, secrets=secrets, expected_rfc=expected_rfc, now=now)
    policy.check_what_came(given)
    passed = CHECKS[operation.check](given)
    if scanner is None:
        return passed
    shown = [part.name for part in operation.parts if not part.secret and part.name in collected.files]
    said = {name: _scanned(scanner, name, collected.files[name].content) for name in shown}
    return CheckResult(facts={**passed.facts, "antivirus": said}, secrets=passed.secrets)


def _scanned(scanner: Scanner, name: str, content: bytes) -> str:
    """What the antivirus says of a file."""
    scan = scanning(scanner)
    try:
        scan.begin(len(content))
        scan.feed(content)
        said: str = scan.finish()["antivirus"]
    except Unfit as verdict:
        raise verdict.rejected(name) from None
    except ScannerAway as away:
        away.field = name
        raise
    return said


def _check_certificate(given: Given, *, kind: Kind) -> CheckResult:
    accepted = certificate.check(
        given.content("cer"),
        given.content("key"),
        given.secrets.get("password"),
        kind=kind,
        expected_rfc=given.expected_rfc,
        now=given.now,
    )
    return CheckResult(facts=accepted.certificate.facts(), secrets={**given.secrets, "password": accepted.password})


def _check_image(given: Given) -> CheckResult:
    policy.check_all_there(given)
    facts = {name: asdict(image.check(file.content, field=name)) for name, file in given.collected.files.items()}
    return CheckResult(facts=facts, secrets=given.secrets)


def _check_policy(given: Given) -> CheckResult:
    policy.check_all_there(given)
    return CheckResult(secrets=given.secrets)


#: By the name that an operation gives as its `check`.
CHECKS: Final[Mapping[str, Check]] = {
    "csd": partial(_check_certificate, kind="csd"),
    "fiel": partial(_check_certificate, kind="fiel"),
    "image": _check_image,
    "policy": _check_policy,
}
