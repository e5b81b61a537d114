"""What is read from a certificate, beyond what the factory writes into one."""

from __future__ import annotations

import pytest
from pyasn1.codec.der.encoder import encode
from pyasn1.type import univ
from pyasn1_modules import rfc5280

from app.checks import sat
from tests.checks.forging import KEY_USAGE, extended_by, name_of, rebuilt, text

SEAL = ("digitalSignature", "nonRepudiation")
BRANCH, NOTHING = "2.5.4.11", "2.5.4.99"
MAIL = bytes.fromhex("300a06082b06010505070304")


def usage(*names: str) -> tuple[univ.ObjectIdentifier, bytes]:
    return KEY_USAGE, bytes(encode(rfc5280.KeyUsage(",".join(names))))


EXTENDED = (rfc5280.id_ce_extKeyUsage, MAIL)


@pytest.mark.parametrize(
    ("attribute", "extensions", "kind"),
    [
        (BRANCH, [usage(*SEAL)], "csd"),
        (BRANCH, [usage(*SEAL), EXTENDED], None),
        (BRANCH, [usage("digitalSignature")], None),
        (BRANCH, [usage(*SEAL, "keyEncipherment")], None),
        (BRANCH, [usage(*SEAL, "dataEncipherment", "keyAgreement"), EXTENDED], None),
        (NOTHING, [usage(*SEAL)], None),
        (NOTHING, [usage(*SEAL), EXTENDED], "fiel"),
        (NOTHING, [EXTENDED], "fiel"),
        (NOTHING, [usage(*SEAL, "dataEncipherment")], "fiel"),
        (NOTHING, [usage(*SEAL, "keyAgreement")], "fiel"),
        (NOTHING, [usage("keyCertSign", "cRLSign")], None),
    ],
)
def test_the_kind_is_told_by_branch_and_extensions_together(
    attribute: str, extensions: list[tuple[univ.ObjectIdentifier, bytes]], kind: str | None
) -> None:
    cer = rebuilt(subject=name_of(1, text(), attribute), extensions=extended_by(*extensions))
    assert sat.read(cer).kind == kind


@pytest.mark.parametrize(
    ("attribute", "legal_name"),
    [("2.5.4.41", "ACME"), ("2.5.4.10", "ACME"), ("2.5.4.3", "ACME"), (BRANCH, "")],
)
def test_the_legal_name_is_what_there_is_of_it(attribute: str, legal_name: str) -> None:
    assert sat.read(rebuilt(subject=name_of(1, text("ACME"), attribute))).legal_name == legal_name


def test_the_first_of_several_values_counts() -> None:
    subject = name_of(2, text("FIRST"))
    subject["rdnSequence"][1][0]["value"] = rfc5280.AttributeValue(text("SECOND"))
    assert sat.read(rebuilt(subject=subject)).legal_name == "FIRST"
