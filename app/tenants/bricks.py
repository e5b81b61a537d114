"""What passwords that are guessed first are built of: words and runs of keys that everybody thinks of.

A list of our own, in the languages that are spoken here. A thief's lists hold such passwords of twelve characters and
more because they are put together from few of these; what is left of one without them is what has to be guessed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

#: Rows and columns of keyboards, the alphabet and the digits, there and back.
RUNS: Final = (
    *("qwertyuiop", "asdfghjkl", "asdfghjkln", "zxcvbnm", "qwerty", "qwertz", "azerty", "asdfgh", "asdf", "zxcvb"),
    *("1qaz2wsx3edc4rfv", "1qaz2wsx", "zaq12wsx", "qazwsxedc", "qazwsx", "1q2w3e4r5t6y", "1q2w3e4r", "q1w2e3r4t5y6"),
    *("abcdefghijklmnopqrstuvwxyz", "abcdefghijkl", "abcdefgh", "abcdef", "abcde", "abcd", "abc123", "abc"),
    *("12345678901234567890", "1234567890", "0123456789", "123456789", "12345678", "1234567", "123456", "12345"),
    *("1234", "123", "9876543210", "0987654321", "987654321", "654321", "54321", "4321", "321", "123321", "147258369"),
)
WORDS: Final = (
    *("password", "passwort", "passw", "contrasena", "clave", "secreto", "secreta", "secret", "segura"),
    *("seguridad", "security", "acceso", "access", "admin", "administrador", "administrator", "usuario", "user"),
    *("root", "login", "guest", "invitado", "welcome", "bienvenido", "bienvenida", "letmein", "changeme", "cambiame"),
    *("default", "temporal", "prueba", "test", "demo", "ejemplo", "example", "sistema", "system", "server", "master"),
    *("iloveyou", "teamo", "tequiero", "amor", "love", "princesa", "princess", "estrella", "sunshine", "angel", "dios"),
    *("jesus", "dragon", "monkey", "shadow", "superman", "batman", "pokemon", "football", "futbol", "baseball"),
    *(
        "basketball",
        "soccer",
        "america",
        "chivas",
        "pumas",
        "tigres",
        "cruzazul",
        "barcelona",
        "realmadrid",
        "liverpool",
    ),
    *(
        "arsenal",
        "chelsea",
        "michael",
        "michelle",
        "jennifer",
        "jessica",
        "alejandro",
        "alejandra",
        "fernando",
        "carlos",
    ),
    *("charlie", "daniel", "familia", "family", "mexico", "guadalajara", "monterrey", "hola", "hello", "whatever"),
    *("computer", "computadora", "internet", "google", "facebook", "empresa", "company", "factura", "facturas", "sat"),
    *("ventanilla", "gateway", "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre"),
    *("octubre", "noviembre", "diciembre", "verano", "invierno", "primavera", "otono", "summer", "winter", "spring"),
)
#: What people write in the place of letters, believing that nobody else does.
_SPELT: Final = str.maketrans("@431!0$57", "aaeiiosst")

#: A longer one is taken out before one that it begins with.
_BRICKS: Final = tuple(sorted({*RUNS, *WORDS}, key=len, reverse=True))


def readings(said: str) -> Iterator[str]:
    """As it is written, without accents, and as it would be without such letters."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", said) if not unicodedata.combining(letter))
    yield plain
    yield plain.translate(_SPELT)


def without(text: str) -> str:
    """What is left of it, in small letters."""
    for brick in _BRICKS:
        text = text.replace(brick, "")
    return text
