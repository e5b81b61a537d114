"""The Spanish catalogue: whole, in step with the sources, and with the placeholders of the English."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from app.portal.assets import ROOT
from app.providers import registry
from app.records.states import State
from app.words import CERTIFICATE, OTHERWISE, WORDS, sentence

#: The sentences that the certificate's verdicts are known by, with their values as `%(name)s`.
VERDICTS = {
    "missing": "Faltan datos: sube el archivo .cer, el archivo .key y escribe la contraseña.",
    "too_large": "El archivo es demasiado grande para ser un certificado o una llave del SAT. "
    "Revisa que elegiste el correcto.",
    "swapped": "Los archivos están invertidos: pusiste el .key en el lugar del .cer. Intercámbialos.",
    "not_der": "El archivo está en formato de texto (PEM). Sube el archivo original que entregó el SAT, sin convertir.",
    "cer_unreadable": "No pudimos leer el .cer. Puede estar incompleto o ser otro tipo de archivo "
    "(.req, .sdg, .zip, .pfx). Descárgalo de nuevo del SAT.",
    "fiel_not_csd": "Este archivo es tu e.firma (FIEL), no tu Certificado de Sello Digital (CSD). "
    "No la compartas; sube el CSD.",
    "csd_not_fiel": "Este archivo es tu CSD, no tu e.firma (FIEL). Sube los archivos de tu e.firma.",
    "not_sat": "El certificado no parece emitido por el SAT. Sube el CSD que descargaste del portal del SAT.",
    "rfc_mismatch": "El certificado es del RFC %(rfc)s, pero tu cuenta es del RFC %(expected)s.",
    "not_yet_valid": "El certificado será válido a partir del %(date)s. Espera a esa fecha para subirlo.",
    "expired": "El certificado venció el %(date)s. Genera uno nuevo en el SAT y súbelo.",
    "key_decrypted": "Tu archivo .key no está protegido con contraseña. Sube el .key original del SAT.",
    "key_unreadable": "No pudimos leer el archivo .key. Puede estar incompleto o no ser la llave privada.",
    "wrong_password": "La contraseña no abre la llave privada. Es la del CSD (no la del portal del SAT ni, por lo "
    "general, la de la e.firma); cuida mayúsculas y espacios.",
    "pair_mismatch": "El .cer y el .key no son pareja. Si tienes varios CSD, "
    "usa los dos archivos de la misma sucursal.",
    "password_encoding": "La contraseña tiene letras con acento o ñ que pueden fallar al timbrar. "
    "Genera un CSD con contraseña sin acentos.",
    "revoked": "El SAT no reconoce este certificado; puede estar revocado o ser muy reciente (hasta 72 horas). "
    "Revísalo en el SAT.",
}
#: What those are known by where they are about an e.firma.
FIEL = {
    "not_sat": "El certificado no parece emitido por el SAT. Sube el .cer de tu e.firma tal como te lo dieron ahí.",
    "expired": "Tu e.firma venció el %(date)s. Renuévala en el SAT y sube los archivos nuevos.",
    "wrong_password": "La contraseña no abre la llave privada. Es la de tu e.firma (no la del portal del SAT ni la de "
    "un CSD); cuida mayúsculas y espacios.",
    "pair_mismatch": "El .cer y el .key no son pareja. Si renovaste tu e.firma, "
    "usa los dos archivos de la misma fecha.",
    "password_encoding": "La contraseña tiene letras con acento o ñ que pueden fallar al firmar. "
    "Renueva tu e.firma con una contraseña sin acentos ni ñ.",
    "older_certificate": "La e.firma en uso vence el %(held_date)s, después que esta (%(date)s). "
    "¿Quieres reemplazarla de todos modos?",
    "test_certificate": "Esta es una e.firma de prueba del SAT; lo que firma no tiene validez. "
    "¿Quieres enviarla de todos modos?",
}
STATES = {
    State.RECEIVING: ("receiving", "recibiendo"),
    State.DELIVERING: ("sending", "enviando"),
    State.DELIVERED: ("delivered", "entregado"),
    State.WAITING: ("waiting", "en espera"),
    State.REJECTED: ("rejected", "rechazado"),
    State.FAILED: ("failed", "falló"),
    State.UNKNOWN: ("unconfirmed", "sin confirmar"),
    State.CANCELLED: ("cancelled", "cancelado"),
}


@cache
def catalogue() -> Catalog:
    with (ROOT / "translations/es/LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, locale="es")


@cache
def extracted() -> frozenset[str]:
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = {
        first(message)
        for top in ("app", "templates")
        for _file, _line, message, _comments, _context in extract_from_dir(
            ROOT / top,
            [(pattern.removeprefix(f"{top}/"), method) for pattern, method in methods if pattern.startswith(top)],
            {pattern.removeprefix(f"{top}/"): values for pattern, values in options.items()},
            keywords={**DEFAULT_KEYWORDS, "N_": None},
        )
    }
    return frozenset(found)


def first(forms: Any) -> str:
    """A sentence, or of one that counts, what it is for one; None: a form that is not there."""
    return str(forms if isinstance(forms, str) else next(form for form in forms if form))


def translated() -> dict[str, Message]:
    return {first(message.id): message for message in catalogue() if message.id}


def forms(message: Message) -> tuple[str, ...]:
    """What a sentence is in Spanish, for one and for more."""
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[a-z]|\{\w+\}", text))


def test_the_catalogue_is_in_step_with_the_sources() -> None:
    """`make messages` has been run: no sentence is missing from the catalogue, none is left over."""
    assert set(translated()) == extracted()


def test_every_problem_is_among_the_sentences() -> None:
    otherwise = {text for texts in OTHERWISE.values() for text in texts.values()}
    assert {*WORDS.values(), *otherwise} <= extracted()


def test_nothing_is_untranslated_or_guessed() -> None:
    wanting = [id_ for id_, message in translated().items() if not all(forms(message)) or message.fuzzy]
    assert not wanting
    assert not catalogue().fuzzy


@pytest.mark.parametrize("english", sorted(translated()))
def test_spanish_has_the_same_placeholders(english: str) -> None:
    message = translated()[english]
    of_english = (message.id,) if isinstance(message.id, str) else message.id
    for spanish, same in zip(forms(message), of_english, strict=True):
        assert placeholders(spanish) == placeholders(same)


@pytest.mark.parametrize("slug", VERDICTS)
def test_a_verdict_says_what_it_is_known_for(slug: str) -> None:
    assert translated()[CERTIFICATE[slug]].string == VERDICTS[slug]


@pytest.mark.parametrize("slug", CERTIFICATE)
def test_an_e_firma_is_spoken_of_as_one(slug: str) -> None:
    english = sentence(slug, "fiel")
    spanish = str(translated()[english].string)
    assert placeholders(english) == placeholders(WORDS[slug])
    assert spanish == FIEL.get(slug, translated()[WORDS[slug]].string)
    for text in (english, spanish):
        assert "CSD" not in text or slug in {"csd_not_fiel", "fiel_not_csd", "wrong_password"}


def test_what_is_said_otherwise_is_known() -> None:
    assert set(OTHERWISE) <= {operation.check for operation in registry.operations()}
    for texts in OTHERWISE.values():
        assert set(texts) <= set(WORDS)


@pytest.mark.parametrize("state", State)
def test_a_state_has_its_word(state: State) -> None:
    from app.portal.outcomes import LOOKS

    english, spanish = STATES[state]
    assert LOOKS[state].word == english
    assert translated()[english].string == spanish
