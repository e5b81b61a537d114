"""The SAT's own test certificates, where `SAT_SAMPLES` names their folder; not ours to ship."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from tests.checks.cases import Case, Files, as_pem

FOLDER: Final = os.environ.get("SAT_SAMPLES")
WHY_SKIPPED: Final = "SAT_SAMPLES does not name the folder of the SAT's test certificates"

_NOW: Final = datetime(2026, 11, 21, tzinfo=UTC)
_IN_2022: Final = datetime(2022, 1, 1, tzinfo=UTC)
_ENDS: Final = datetime(2027, 5, 18, 11, 43, 51, tzinfo=UTC)
_BEGINS: Final = datetime(2023, 5, 18, 11, 43, 51, tzinfo=UTC)

_EKU: Final = "csd_EKU9003173C9_valid_2027"
_EKU_2023: Final = "csd_EKU9003173C9_expired_2023"
_CACX: Final = "csd_CACX7605101P8_valid_2027"
_AAA: Final = "csd_AAA010101AAA_expired_2021"

#: What opens each of the keys, as the SAT made it public.
PASSWORD: Final = "12345678a"

_Change = Callable[[bytes], bytes]


def _bytes(name: str) -> bytes:
    assert FOLDER is not None, WHY_SKIPPED
    return (Path(FOLDER) / name).read_bytes()


def _as_it_is(data: bytes) -> bytes:
    return data


def _files(
    cer: str,
    key: str | None = None,
    *,
    password: str = PASSWORD,
    change_cer: _Change = _as_it_is,
    change_key: _Change = _as_it_is,
) -> Callable[[], Files]:
    """Names without an ending are a pair's."""

    def make() -> Files:
        cer_name = cer if "." in cer else f"{cer}.cer"
        key_name = key or cer
        key_name = key_name if "." in key_name else f"{key_name}.key"
        return Files(cer=change_cer(_bytes(cer_name)), key=change_key(_bytes(key_name)), password=password)

    return make


def _cut(count: int) -> _Change:
    return lambda data: data[:-count]


def _with_two_million_rounds(key: bytes) -> bytes:
    """The count takes a byte more, and so do the four sequences around it."""
    at = key.index(b"\x02\x02\x08\x00")
    changed = bytearray(key[:at] + b"\x02\x03\x1e\x84\x80" + key[at + 4 :])
    for length_at in (3, 5, 18, 20, 33):
        changed[length_at] += 1
    return bytes(changed)


_case = partial(Case, now=_NOW)

SAMPLES: Final = (
    _case(
        id="1",
        make=_files(_EKU),
        facts={"rfc": "EKU9003173C9", "branch": "Sucursal 1", "number": "30001000000500003416", "test": True},
    ),
    _case(id="2", make=_files(_CACX), facts={"rfc": "CACX7605101P8", "legal_name": "XOCHILT CASAS CHAVEZ"}),
    _case(id="3", make=_files("fiel_EKU9003173C9_valid_2027"), verdict="fiel_not_csd", field="cer"),
    _case(id="4", make=_files("fiel_FUNK671228PH6_expired_2023"), verdict="fiel_not_csd", field="cer"),
    _case(id="5", make=_files(f"{_EKU}.key", f"{_EKU}.cer"), verdict="swapped", field="cer"),
    _case(id="6-pem", make=_files(_EKU, change_cer=as_pem), verdict="not_der", field="cer"),
    _case(id="6-base64", make=_files(_EKU, change_cer=base64.b64encode), verdict="not_der", field="cer"),
    _case(
        id="7",
        make=_files(_AAA, "csd_AAA010101AAA_decrypted"),
        now=datetime(2020, 1, 1, tzinfo=UTC),
        verdict="key_decrypted",
        field="key",
    ),
    _case(id="8-capital", make=_files(_EKU, password="12345678A"), verdict="wrong_password", field="password"),
    _case(id="8-space", make=_files(_EKU, password="12345678a "), forwarded="12345678a"),
    _case(
        id="9",
        make=_files(_CACX, "csd_CACX7605101P8_branch2_valid_2027"),
        verdict="pair_mismatch",
        field="key",
    ),
    _case(
        id="10",
        make=_files(_EKU_2023),
        verdict="expired",
        field="cer",
        params={"date": datetime(2023, 6, 17, 19, 44, 14, tzinfo=UTC)},
    ),
    _case(id="10-in-2022", make=_files(_EKU_2023), now=_IN_2022),
    _case(id="11", make=_files(_EKU), now=_IN_2022, verdict="not_yet_valid", field="cer", params={"date": _BEGINS}),
    _case(id="12-last-second", make=_files(_EKU), now=_ENDS),
    _case(
        id="12-one-later",
        make=_files(_EKU),
        now=_ENDS + timedelta(seconds=1),
        verdict="expired",
        field="cer",
        params={"date": _ENDS},
    ),
    _case(id="13", make=_files("csd_ONO120726RX3_t61_expired_2023"), now=_IN_2022, facts={"rfc": "OÑO120726RX3"}),
    _case(
        id="14",
        make=_files("altered_csd_EKU9003173C9_t61branch_valid_2027", _EKU),
        facts={"branch": "MONTAÑA  1"},
    ),
    _case(id="15", make=_files("altered_csd_EKU9003173C9_ac6issuer_valid_2027", _EKU)),
    _case(id="16", make=_files("csd_HE951128469_ampersand_expired_2023"), now=_IN_2022, facts={"rfc": "H&E951128469"}),
    _case(id="17-selfmade", make=_files("notsat_AAA010101AAA_selfmade_2028"), verdict="not_sat", field="cer"),
    _case(id="17-selfsigned", make=_files("notsat_selfsigned_2035"), verdict="not_sat", field="cer"),
    _case(
        id="18",
        make=_files(_EKU),
        expected_rfc="CACX7605101P8",
        verdict="rfc_mismatch",
        field="cer",
        params={"rfc": "EKU9003173C9", "expected": "CACX7605101P8"},
    ),
    _case(id="19", make=_files(_EKU, change_cer=_cut(10)), verdict="cer_unreadable", field="cer"),
    _case(id="20-cut", make=_files(_EKU, change_key=_cut(1)), verdict="key_unreadable", field="key"),
    _case(id="20-cer-again", make=_files(_EKU, f"{_EKU}.cer"), verdict="key_unreadable", field="key"),
    _case(id="21", make=_files(_EKU, change_key=_with_two_million_rounds), verdict="key_unreadable", field="key"),
    _case(id="22", make=_files(_EKU, password=""), verdict="missing", field="password"),
    # Beyond the numbered ones: the e.firma's own operation.
    _case(id="fiel", kind="fiel", make=_files("fiel_EKU9003173C9_valid_2027"), facts={"branch": None}),
    _case(id="fiel-t61", kind="fiel", now=_IN_2022, make=_files("fiel_ONO120726RX3_t61_expired_2023")),
    _case(id="csd-not-fiel", kind="fiel", make=_files(_EKU), verdict="csd_not_fiel", field="cer"),
)
