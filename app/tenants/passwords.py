"""Passwords of people: argon2id by Flask-Security, which lives in an application of its own and serves nothing there.

Set up in the gateway's own it would ask at every request of every face who is signed in (0032).
"""

from __future__ import annotations

import math
import re
import secrets
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from threading import BoundedSemaphore
from typing import Any, Final

from flask import Flask
from flask_security import Security, UserDatastore, hash_password, verify_password
from pydantic import SecretStr

from app.tenants.user_errors import WeakPassword

LEAST: Final = 12
MOST: Final = 128
#: As often somebody has to guess who knows what people think of first, the person's name too.
LEAST_GUESSES: Final = 10**9
#: As often also who has what is kept of it, and machines for it, guesses no more.
STRONG_GUESSES: Final = 10**12
#: Of longer ones so much is judged: the time that it takes grows faster than they do. Of signs that stand for letters,
#: each of which could be several, 24 take a fifth of a second and 72 two.
JUDGED: Final = 24
#: What people think of here; of English the library knows tens of thousands.
WORDS: Final = (
    *("clave", "contrasena", "secreto", "secreta", "seguro", "segura", "seguridad", "acceso", "usuario", "sistema"),
    *("administrador", "administradora", "invitado", "bienvenido", "bienvenida", "cambiame", "temporal", "prueba"),
    *("ejemplo", "hola", "amor", "teamo", "tequiero", "princesa", "estrella", "familia", "futbol", "chivas", "pumas"),
    *("tigres", "cruzazul", "mexico", "guadalajara", "monterrey", "computadora", "empresa", "factura", "facturas"),
    *("ventanilla", "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre"),
    *("noviembre", "diciembre", "primavera", "verano", "otono", "invierno"),
)
#: How OWASP has argon2id: 19 MiB and two passes for each password that is looked at.
ARGON2: Final = {"argon2__memory_cost": 19 * 1024, "argon2__time_cost": 2, "argon2__parallelism": 1}
#: Passwords that a process looks at at once: many that come together take turns, not memory.
AT_ONCE: Final = 4

_turns: Final = BoundedSemaphore(AT_ONCE)


class _Nobody(UserDatastore):
    """Flask-Security asks for users nowhere in what is used of it; who signs in, the gateway's own tables say."""

    def __init__(self) -> None:
        """Hold nobody."""


class Verdict(StrEnum):
    """What is to be said of a password; what is not GOOD or STRONG is nobody's."""

    SHORT = "short"
    LONG = "long"
    EASY = "easy"
    GOOD = "good"
    STRONG = "strong"


@dataclass(frozen=True, kw_only=True)
class Strength:
    """How hard a password is to guess, as a power of ten, and what follows."""

    power: float
    verdict: Verdict


def hashed(plain: SecretStr) -> str:
    """What is kept of a password."""
    with _turns, _application().app_context():
        written: str = hash_password(_normal(plain))
    return written


def fits(plain: SecretStr, kept: str | None) -> bool:
    """Whether it is the password that was kept; where there is none, a no that takes as long."""
    with _turns, _application().app_context():
        said = _normal(plain)[: MOST + 1]
        right: bool = verify_password(said, kept or _of_nobody())
    return right and kept is not None and len(said) <= MOST


def check(plain: SecretStr, *, field: str = "password", about: tuple[str, ...] = ()) -> None:
    """Raise WeakPassword unless it can be somebody's password; `about`: what it must not be made of, as their name."""
    if strength(plain, about=about).verdict not in {Verdict.GOOD, Verdict.STRONG}:
        raise WeakPassword(field=field, least=LEAST, most=MOST)


def strength(plain: SecretStr, *, about: tuple[str, ...] = ()) -> Strength:
    """Measure one by what it is judged by."""
    said = _normal(plain)
    guesses = _guesses(said, about)
    return Strength(power=round(math.log10(max(guesses, 1)), 1), verdict=_verdict(len(said), guesses))


def _verdict(length: int, guesses: int) -> Verdict:
    if not LEAST <= length <= MOST:
        return Verdict.SHORT if length < LEAST else Verdict.LONG
    if guesses < LEAST_GUESSES:
        return Verdict.EASY
    return Verdict.GOOD if guesses < STRONG_GUESSES else Verdict.STRONG


def _guesses(said: str, about: tuple[str, ...]) -> int:
    """How often somebody would have to guess."""
    from zxcvbn import zxcvbn  # with all its words; few processes are ever asked

    bare = "".join(letter for letter in unicodedata.normalize("NFKD", said) if not unicodedata.combining(letter))
    if not bare:  # nothing but accents
        return 1
    parts = [part for one in about for part in (one, *re.split(r"\W+", one)) if part]
    return int(zxcvbn(bare[:JUDGED], user_inputs=[*WORDS, *parts])["guesses"])


def _normal(plain: SecretStr) -> str:
    """However a keyboard composes its accents, it is one password."""
    with _application().app_context():
        normal: str = _application().extensions["security"].password_util.normalize(plain.get_secret_value())
    return normal


@cache
def _of_nobody() -> str:
    """Of a password that nobody knows."""
    written: str = hash_password(secrets.token_urlsafe())
    return written


@cache
def _application() -> Flask:
    nothing: Any = None
    app = Flask("people", static_folder=nothing, template_folder=nothing)
    app.config.update(
        SECRET_KEY=secrets.token_urlsafe(),  # nothing that it signs leaves it
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 - the name of a way to hash
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_DEPRECATED_PASSWORD_SCHEMES=[],
        # The password itself, not its HMAC: a SECRET_KEY that is changed must not change everybody's password.
        SECURITY_PASSWORD_SINGLE_HASH=["argon2"],
        SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS=ARGON2,
        SECURITY_CLI_USERS_NAME=None,
        SECURITY_CLI_ROLES_NAME=None,
    )
    Security(app, _Nobody(), register_blueprint=False)
    return app
