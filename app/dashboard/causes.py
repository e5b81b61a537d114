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
}


def cause(slug: str | None) -> str:
    """What a problem is called in a list; one that has no name of its own by its slug."""
    if not slug:
        return ""
    named = CAUSES.get(slug)
    return str(gettext(named)) if named else slug.replace("-", " ").replace("_", " ")
