"""The organizations that Facturapi knows, as the objects it shows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from app.sandbox.facturapi.certificates import Certificate

_STEPS: Final = {
    "legal": "Completa los datos fiscales de la organización",
    "logo": "Sube el logotipo de la organización",
    "certificate": "Sube el Certificado de Sello Digital (CSD)",
    "manifiesto": "Firma la carta manifiesto",
}
_PDF_EXTRA: Final = {
    "codes": True,
    "address_codes": False,
    "product_key": True,
    "export_key": False,
    "round_unit_price": False,
    "tax_breakdown": True,
    "ieps_breakdown": False,
    "combine_ieps_with_subtotal": False,
    "render_carta_porte": True,
    "render_iedu": True,
    "render_hyp_complement": True,
    "render_comercio_exterior": True,
    "repeat_signature": False,
}
_ADDRESS: Final = ("street", "exterior", "interior", "neighborhood", "city", "municipality", "state")


def new_id() -> str:
    """24 hexadecimal digits, as all of Facturapi's ids are."""
    return secrets.token_hex(12)


def iso(moment: datetime) -> str:
    """Milliseconds and a `Z`, as JavaScript writes dates."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Seal:
    """What is held of a CSD or an e.firma: what to show, and whose it is; never the key."""

    certificate: Certificate | None = None
    updated_at: datetime | None = None

    def hold(self, certificate: Certificate | None, now: datetime) -> None:
        """Take another, or none. No two changes have the same millisecond, so that a replacement can be told."""
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if self.updated_at is not None and now <= self.updated_at:
            now = self.updated_at + timedelta(milliseconds=1)
        self.certificate, self.updated_at = certificate, now

    def shown(self) -> dict[str, Any]:
        if self.certificate is None or self.updated_at is None:
            return {"has_certificate": False}
        return {
            "has_certificate": True,
            "updated_at": iso(self.updated_at),
            "expires_at": iso(self.certificate.not_after),
            "serial_number": self.certificate.number,
        }


def _legal() -> dict[str, Any]:
    texts = ("name", "legal_name", "tax_id", "tax_system", "phone", "website", "support_email")
    return dict.fromkeys(texts, "") | {"address": {"zip": ""} | dict.fromkeys(_ADDRESS, "")}


def _customization() -> dict[str, Any]:
    return {
        "has_logo": False,
        "color": "BADA55",
        "next_folio_number": 1,
        "next_folio_number_test": 1,
        "pdf_extra": dict(_PDF_EXTRA),
    }


@dataclass(slots=True, kw_only=True)
class Organization:
    """One organization. `legal` and `customization` are shown as they are."""

    id: str
    created_at: datetime
    legal: dict[str, Any] = field(default_factory=_legal)
    customization: dict[str, Any] = field(default_factory=_customization)
    #: The fiscal data were saved: a name alone does not complete them.
    has_legal: bool = False
    logo_url: str | None = None
    csd: Seal = field(default_factory=Seal)
    fiel: Seal = field(default_factory=Seal)

    def update_legal(self, values: dict[str, Any]) -> None:
        """Overwrite what is given; what is not keeps its value."""
        address = self.legal["address"] | values.get("address", {})
        self.legal |= values | {"address": address}
        self.has_legal = True

    def update_customization(self, values: dict[str, Any]) -> None:
        """Overwrite what is given; what is not keeps its value."""
        extra = self.customization["pdf_extra"] | values.get("pdf_extra", {})
        self.customization |= values | {"pdf_extra": extra}

    def hold_logo(self, url: str) -> None:
        self.logo_url = url
        self.customization["has_logo"] = True

    def matches(self, text: str) -> bool:
        """Whether a search for it finds this one."""
        return any(text.casefold() in self.legal[key].casefold() for key in ("name", "legal_name", "tax_id"))

    def shown(self) -> dict[str, Any]:
        """The object of every answer."""
        done = {
            "legal": self.has_legal,
            "logo": self.logo_url is not None,
            "certificate": self.csd.certificate is not None,
        }
        steps = [{"type": step, "description": text} for step, text in _STEPS.items() if not done.get(step, False)]
        return {
            "id": self.id,
            "created_at": iso(self.created_at),
            # The signed letter, one of the steps, is out of the API's reach.
            "is_production_ready": not steps,
            "pending_steps": steps,
            "logo_url": self.logo_url,
            "timezone": "America/Mexico_City",
            "add_ons": [],
            "plan": None,
            "legal": self.legal,
            "customization": self.customization,
            "certificate": self.csd.shown(),
            "fiel": self.fiel.shown(),
            "receipts": {
                "periodicity": "month",
                "duration_days": 7,
                "next_folio_number": 1,
                "next_folio_number_test": 1,
            },
            "self_invoice": {
                "allowed_cfdi_uses": [],
                "apply_resico_isr": False,
                "support_email": "",
                "support_email_verified": False,
            },
        }
