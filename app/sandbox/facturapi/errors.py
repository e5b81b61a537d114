"""Facturapi's errors: a code to decide by, a status, and a Spanish sentence that may change."""

from __future__ import annotations

import json
import secrets
from typing import Any, Final

from flask import Response

#: Status and sentence of each code. Where the vendor documents a code without its status, 400 stands for what was
#: sent and 401 for who sent it: the only ones that its operations name.
CODES: Final = {
    "missing_credentials": (401, "Falta la llave secreta en el encabezado Authorization."),
    "api_key_invalid": (401, "La llave secreta no es válida."),
    "user_key_invalid": (401, "La llave de usuario no es válida."),
    "unauthorized": (401, "No estás autorizado para hacer esta solicitud."),
    "api_key_not_allowed": (401, "Esta llave secreta no permite hacer esta operación."),
    "live_api_key_required": (401, "Esta operación necesita una llave secreta del ambiente Live."),
    "organization_not_found": (404, "No existe la organización."),
    "not_found": (404, "No existe el recurso."),
    "invalid_json": (400, "El cuerpo de la solicitud no es JSON válido."),
    "invalid_request": (400, "La solicitud no es válida."),
    "page_too_large": (400, "El número de página es demasiado grande."),
    "invalid_multipart_form_data": (400, "El cuerpo de la solicitud no es multipart/form-data válido."),
    "payload_too_large": (413, "La solicitud es demasiado grande."),
    "certificate_files_required": (400, "Faltan los archivos del certificado y de la llave privada."),
    "certificate_file_required": (400, 'Falta el archivo "cer". Envíalo en esa parte de multipart/form-data.'),
    "private_key_file_required": (400, 'Falta el archivo "key". Envíalo en esa parte de multipart/form-data.'),
    "certificate_invalid": (400, "El certificado no es válido."),
    "certificate_files_invalid": (400, "El certificado o la llave privada no son válidos o están dañados."),
    "private_key_password_incorrect": (400, "La contraseña de la llave privada es incorrecta."),
    "private_key_certificate_mismatch": (400, "La llave privada no coincide con el certificado."),
    "certificate_expired": (400, "El certificado ha expirado."),
    "certificate_not_yet_valid": (400, "El certificado aún no puede ser utilizado."),
    "csd_required": (400, "El certificado no es un CSD. Asegúrate de no estar enviando una FIEL."),
    "certificate_previous_rfc_mismatch": (400, "El RFC del certificado es distinto al del CSD anterior."),
    "certificate_fiel_rfc_mismatch": (400, "El RFC del certificado es distinto al de la FIEL."),
    "fiel_required": (400, "El certificado no es una FIEL. Asegúrate de no estar enviando un CSD."),
    "fiel_invalid": (400, "La FIEL no es válida."),
    "fiel_rfc_mismatch": (400, "El RFC de la FIEL es distinto al del CSD."),
    "image_file_required": (400, 'Falta la imagen. Envíala en la parte "file" de multipart/form-data.'),
    "invalid_image_file": (400, "La imagen no es JPG o PNG, o pesa más de 500 KB."),
    "rate_limit_exceeded": (429, "Se excedió el límite de solicitudes."),
    "internal_error": (500, "Ocurrió un error inesperado."),
}

#: The code where only a status is known.
_BY_STATUS: Final = {
    400: "invalid_request",
    401: "api_key_invalid",
    404: "not_found",
    405: "not_found",
    413: "payload_too_large",
    429: "rate_limit_exceeded",
}

RETRY_AFTER_SECONDS: Final = 2


class Refused(Exception):  # noqa: N818 - what is refused is not an error of the sandbox
    """A request that Facturapi does not carry out; nothing was changed."""

    def __init__(
        self,
        code: str,
        *,
        location: str | None = None,
        path: str | None = None,
        details: list[dict[str, Any]] | None = None,
        retry_after: int | None = None,
    ) -> None:
        """`details` are the faults of single fields; the first of them leads."""
        super().__init__(code)
        status, message = CODES[code]
        lead = details[0] if details else {"location": location, "path": path, "message": message}
        self.status = status
        self.retry_after = retry_after
        self.body: dict[str, Any] = {"ok": False, "message": lead["message"], "status": status, "code": code}
        self.body |= {key: lead[key] for key in ("location", "path") if lead[key]}
        if details:
            self.body["errors"] = details


def detail(path: str, code: str, message: str, location: str = "body") -> dict[str, Any]:
    """A single field's fault."""
    return {"message": message, "code": code, "source": "facturapi", "location": location, "path": path}


def present(refused: Refused) -> Response:
    """The answer that says so."""
    # Not by `jsonify`: a fault is answered outside the application.
    body = json.dumps(refused.body, ensure_ascii=False)
    response = Response(body, refused.status, content_type="application/json")
    if refused.retry_after is not None:
        response.headers["Retry-After"] = str(refused.retry_after)
    return stamp(response)


def by_status(status: int) -> Response:
    """An answer with that status and the code that goes with it best."""
    code = _BY_STATUS.get(status, "internal_error" if status >= 500 else "invalid_request")
    refused = Refused(code, retry_after=RETRY_AFTER_SECONDS if status == 429 else None)
    refused.status = refused.body["status"] = status
    return present(refused)


def stamp(response: Response) -> Response:
    """Give the answer the id under which Facturapi's support would find it."""
    response.headers.setdefault("X-Facturapi-Log-Id", secrets.token_hex(12))
    return response
