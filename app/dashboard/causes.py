"""Why something came to nothing, in a few words: whole sentences to customers are elsewhere (`app.words`)."""

from __future__ import annotations

from typing import Final

from flask_babel import gettext

from app.errors import N_

#: Slug of a problem → what it is called in a list.
CAUSES: Final = {
    "credential-refused": N_("credential refused"),
    "credential-missing": N_("no credential yet"),
    "paused-by-hand": N_("paused by hand"),
    "connection-paused": N_("connection paused"),
    "provider-unreachable": N_("provider not reached"),
    "provider-too-slow": N_("provider too slow"),
    "took-too-long": N_("took too long"),
    "provider-busy": N_("provider asks for a pause"),
    "provider-error": N_("error at the provider"),
    "provider-refused": N_("refused by the provider"),
    "plan-not-allowed": N_("not in the plan at the provider"),
    "quota-used-up": N_("quota at the provider used up"),
    "settings-wrong": N_("connection set up wrong"),
    "unconfirmed": N_("answer lost"),
    "interrupted": N_("gateway interrupted"),
    "gave-up": N_("not delivered in time"),
    "copy-lost": N_("copy cannot be read"),
    "upload-cancelled": N_("cancelled"),
    "client-gone": N_("client gone"),
    "client-too-slow": N_("client too slow"),
    "truncated": N_("broke off"),
    "internal": N_("fault of ours"),
    "token-revoked": N_("token withdrawn"),
    "organization-suspended": N_("organization suspended"),
    "spool-full": N_("no room for a copy"),
    "spool-share-full": N_("its share of the spool is full"),
    "spool-away": N_("spool not reached"),
    "spool-busy": N_("spool too busy"),
    "not-multipart": N_("not sent as a form"),
    "bad-boundary": N_("form sent wrong"),
    "malformed": N_("form sent wrong"),
    "encoded": N_("form sent wrong"),
    "nested": N_("form sent wrong"),
    "duplicate-part": N_("field sent twice"),
    "unknown-part": N_("unknown field"),
    "not-a-file": N_("field instead of a file"),
    "not-a-field": N_("file instead of a field"),
    "not-text": N_("field is no text"),
    "fields-before-files": N_("field behind the file"),
    "too-many-parts": N_("too many fields"),
    "too-many-files": N_("too many files"),
    "part-header-too-large": N_("form sent wrong"),
    "field-too-large": N_("field too long"),
    "file-too-large": N_("file too large"),
    "body-too-large": N_("file too large"),
    "length-required": N_("form sent wrong"),
    "foreign-origin": N_("sent from another site"),
    "csrf": N_("page open for too long"),
    "missing": N_("file or password missing"),
    "too_large": N_("too large for a certificate"),
    "swapped": N_(".cer and .key swapped"),
    "not_der": N_("certificate converted to text"),
    "cer_unreadable": N_("certificate cannot be read"),
    "fiel_not_csd": N_("e.firma instead of a CSD"),
    "csd_not_fiel": N_("CSD instead of an e.firma"),
    "not_sat": N_("not the SAT's certificate"),
    "rfc_mismatch": N_("certificate of another RFC"),
    "not_yet_valid": N_("certificate not valid yet"),
    "expired": N_("certificate expired"),
    "key_decrypted": N_("key without a password"),
    "key_unreadable": N_("key cannot be read"),
    "wrong_password": N_("wrong password of the key"),
    "pair_mismatch": N_("certificate and key of two pairs"),
    "password_encoding": N_("password with accents"),
    "revoked": N_("certificate revoked"),
    "older_certificate": N_("older than the one in use"),
    "test_certificate": N_("test certificate"),
    "missing-field": N_("field not filled in"),
    "not-a-choice": N_("value not offered"),
    "field-too-long": N_("field too long"),
    "missing-file": N_("no file"),
    "empty-file": N_("empty file"),
    "image-unreadable": N_("no JPG or PNG"),
    "bad-file-name": N_("unusable file name"),
    "bad-path": N_("unusable path"),
    "path-too-long": N_("path too long"),
    "bad-pairs": N_("attributes written wrong"),
    "bad-actions": N_("actions written wrong"),
    "metadata-inline": N_("too large for metadata"),
    "bad-document-id": N_("no document's id"),
    "notice": N_("privacy notice not accepted"),
    "type-not-taken": N_("type not taken"),
    "other-declared": N_("type and name differ"),
    "other-content": N_("content and name differ"),
    "not-its-content": N_("content and name differ"),
    "double-ending": N_("name like a program's"),
    "program": N_("program"),
    "web-page": N_("web page or SVG"),
    "virus": N_("virus"),
    "infected": N_("virus"),
    "not-scannable": N_("too large for the antivirus"),
    "scanner-away": N_("antivirus not reached"),
    "damaged-file": N_("damaged file"),
    "protected-pdf": N_("PDF with a password"),
    "protected-file": N_("file with a password"),
    "not-plain-text": N_("not plain text"),
    "doctype": N_("XML with a DOCTYPE"),
    "too-complex": N_("too much inside one another"),
    "not-inspected": N_("too large to look into"),
    "unpacks-too-large": N_("unpacks too large"),
    "unreadable-archive": N_("archive cannot be read"),
    "unsafe-names": N_("unsafe names in an archive"),
    "ambiguous-archive": N_("archive with two readings"),
    "macros": N_("macros"),
    "busy": N_("too many were looked into"),
}


#: Why an endpoint gave no answer → what that is called.
UNANSWERED: Final = {
    "egress": N_("address not allowed"),
    "connect": N_("no connection"),
    "timeout": N_("no answer in time"),
    "reset": N_("broke off"),
    "truncated": N_("broke off"),
}


def answer(told: str | None) -> str:
    """What telling an endpoint came to: the status that it answered, or why it answered nothing."""
    return str(gettext(UNANSWERED[told])) if told in UNANSWERED else told or ""


def cause(slug: str | None) -> str:
    """What a problem is called in a list; one that has no name of its own by its slug."""
    if not slug:
        return ""
    named = CAUSES.get(slug)
    return str(gettext(named)) if named else slug.replace("-", " ").replace("_", " ")
