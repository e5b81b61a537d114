"""What the words of made-up business are taken from: names of organizations, people and files, and what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: What organizations are called: what they do, whose or where they are, and what they are by law.
TRADES: Final = (
    "Aceros", "Agropecuaria", "Alimentos", "Autopartes", "Bodegas", "Cafés", "Carnes", "Cementos", "Clínica",
    "Colegio", "Comercializadora", "Constructora", "Consultores", "Cosméticos", "Despacho Contable", "Distribuidora",
    "Editorial", "Electrónica", "Empaques", "Farmacia", "Ferretería", "Frutas", "Grupo Textil", "Herrajes", "Hotel",
    "Imprenta", "Inmobiliaria", "Jardines", "Laboratorios", "Lácteos", "Logística", "Maquinaria", "Materiales",
    "Mueblería", "Panadería", "Papelería", "Pinturas", "Plásticos", "Refacciones", "Seguros", "Servicios", "Talleres",
    "Tecnologías", "Transportes", "Veterinaria", "Viajes", "Vidrios", "Zapatería",
)  # fmt: skip
WHOSE: Final = (
    "del Bajío", "del Norte", "de Occidente", "del Pacífico", "del Golfo", "de la Laguna", "Ramírez", "Hernández",
    "Ávila", "Castañeda", "Domínguez", "Elizondo", "Figueroa", "Garza", "Ibáñez", "Juárez", "Lozano", "Márquez",
    "Núñez", "Ochoa", "Pacheco", "Quiroz", "Robles", "Saldívar", "Treviño", "Urrutia", "Valdés", "Yáñez", "Zamora",
    "San Ángel", "Santa Fe", "Tlalpan", "Anáhuac", "Querétaro", "Jalisco", "Oaxaca", "Puebla", "Yucatán", "Sonora",
)  # fmt: skip
LAW: Final = (" SA de CV", " S de RL de CV", " y Asociados SC", "", "", "")
PEOPLE: Final = (
    "María Guadalupe Torres", "José Luis Hernández", "Ana Sofía Beltrán", "Jorge Alberto Ruiz", "Lucía Fernanda Peña",
    "Miguel Ángel Cruz", "Verónica Salas", "Ricardo Ortega", "Paola Jiménez", "Óscar Villaseñor", "Diana Zúñiga",
)  # fmt: skip
MONTHS: Final = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
    "diciembre",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is handed in by one operation: how often, under what names, how large, and how long it takes."""

    operation: str
    mode: str
    weight: float
    #: Of its file or files; {rfc}, {month}, {year}, {n} and {who} are filled in.
    names: tuple[tuple[str, ...], ...]
    #: Middle of the sizes, in bytes, and of the milliseconds until the provider answers.
    size: int
    answer: int
    reference: str
    #: Problems that it is refused for, before and by the provider.
    rejected: tuple[str, ...]
    refused: tuple[str, ...]


SEALS: Final = (("CSD_{who}_{rfc}.cer", "CSD_{who}_{rfc}.key"), ("00001000000{n}.cer", "CSD_{rfc}.key"))
PAPERS: Final = (
    ("Contrato de arrendamiento {who}.pdf",), ("Acta constitutiva {who}.pdf",),
    ("Comprobante de domicilio {month}.pdf",), ("Opinión de cumplimiento {month} {year}.pdf",),
    ("INE {who}.pdf",), ("Poder notarial {n}.pdf",), ("Factura A-{n}.pdf",),
)  # fmt: skip
STATEMENTS: Final = (
    ("Estado de cuenta BBVA {month} {year}.pdf",), ("balanza_{year}-{n}.xlsx",), ("Auxiliares {month}.xlsx",),
)  # fmt: skip
KINDS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "facturapi": (
        Kind(
            operation="facturapi/certificate",
            mode="direct",
            weight=5,
            names=SEALS,
            size=1_900,
            answer=420,
            reference="{hex24}",
            rejected=("wrong_password", "pair_mismatch", "fiel_not_csd", "expired", "swapped"),
            refused=("provider-refused", "credential-refused", "provider-error"),
        ),
        Kind(
            operation="facturapi/logo",
            mode="relay",
            weight=1,
            names=(("logo.png",), ("Logotipo {year}.jpg",)),
            size=84_000,
            answer=610,
            reference="{hex24}",
            rejected=("image-unreadable",),
            refused=("provider-refused",),
        ),
    ),
    "formkiq": (
        Kind(
            operation="formkiq/document",
            mode="durable",
            weight=8,
            names=PAPERS,
            size=640_000,
            answer=190,
            reference="{id}",
            rejected=("type-not-taken", "protected-pdf", "damaged-file", "virus"),
            refused=("provider-refused", "settings-wrong", "gave-up"),
        ),
    ),
    "codat": (
        Kind(
            operation="codat/file",
            mode="durable",
            weight=6,
            names=STATEMENTS,
            size=310_000,
            answer=930,
            reference="{uuid}",
            rejected=("type-not-taken", "macros", "protected-file"),
            refused=("provider-refused", "plan-not-allowed", "gave-up"),
        ),
    ),
    "factify": (
        Kind(
            operation="factify/document",
            mode="durable",
            weight=3,
            names=PAPERS,
            size=480_000,
            answer=680,
            reference="doc_{hex24}",
            rejected=("protected-pdf", "not-its-content"),
            refused=("provider-refused", "quota-used-up"),
        ),
    ),
    "flatfile": (
        Kind(
            operation="flatfile/file",
            mode="durable",
            weight=3,
            names=(("nomina_{month}_{year}.csv",), ("catalogo_productos_v{n}.xlsx",), ("clientes {who}.csv",)),
            size=120_000,
            answer=340,
            reference="us_fl_{hex8}",
            rejected=("not-plain-text", "empty-file"),
            refused=("provider-refused", "gave-up"),
        ),
    ),
}
#: Which share of organizations has a connection to it.
SHARES: Final = {"facturapi": 0.95, "formkiq": 0.6, "codat": 0.35, "factify": 0.25, "flatfile": 0.25}
#: What becomes of what is handed in.
STATES: Final = {"delivered": 900, "rejected": 45, "failed": 22, "cancelled": 14, "unknown": 1}
#: Providers' own words, by problem.
WORDS: Final = {
    "provider-refused": ("El documento ya existe.", "The file name contains characters that are not allowed.", None),
    "plan-not-allowed": ("Upgrade your plan to upload files.",),
}
HTTP: Final = {"provider-refused": 422, "credential-refused": 401, "provider-error": 500, "plan-not-allowed": 402}
