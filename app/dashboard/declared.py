"""A connection's form, as its provider declares it: settings by their schema, and the fields that it signs in with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from flask import Flask, request
from pydantic.fields import FieldInfo

from app.errors import N_
from app.providers.base import Chooses, CredentialField, Provider

#: What fields of the form begin with; what is wrong with them is named so, too.
SETTINGS, CREDENTIAL = "settings", "credential"
#: What a setting is called, and where it is found.
SAID: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("facturapi", "organization_id"): (
        N_("Organization at Facturapi"),
        N_("Its id, 24 letters and digits. Left empty, you pick it from a list, or have it made, with the key below."),
    ),
    ("formkiq", "base_url"): (
        N_("Address of the installation"),
        N_("HttpApiUrl for tokens, KeyApiUrl for keys; both stand in the installation's outputs."),
    ),
    ("formkiq", "auth"): (
        N_("Signs in with"),
        N_("A token ends by itself unless there is a refresh token; forms that nobody watches need a key."),
    ),
    ("formkiq", "site_id"): (N_("Site"), N_("Id of the site that documents are put into.")),
    ("formkiq", "direct_puts"): (
        N_("Clients of its own put bytes straight into the bucket"),
        N_("They are not seen by the gateway, nor checked."),
    ),
    ("codat", "company_id"): (N_("Company at Codat"), N_("Its id, as its page at Codat shows it.")),
    ("codat", "connection_id"): (
        N_("Codat's connection for file uploads"),
        N_("The company's own; its id, as the company's page shows it."),
    ),
    ("flatfile", "base_url"): (N_("Address of the API"), N_("Other regions have their own.")),
    ("flatfile", "environment_id"): (N_("Environment"), N_("Its id, us_env_…")),
    ("flatfile", "space_id"): (N_("Space"), N_("Id of the space that files are put into, us_sp_…")),
}
#: What a secret is called.
SECRETS: Final[Mapping[str, str]] = {
    "key": N_("Key"),
    "token": N_("Token"),
    "refresh_token": N_("Refresh token"),
    "client_id": N_("Client id"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as a field of a form."""

    name: str
    label: str
    hint: str
    required: bool
    default: Any
    #: Of one that is chosen.
    choices: Sequence[str]
    is_tick: bool
    #: Whether the provider can name its values.
    choosable: bool

    @property
    def field(self) -> str:
        """Its name in the form."""
        return f"{SETTINGS}.{self.name}"


def init_app(app: Flask) -> None:
    """Give the templates what their choices are made of."""
    app.add_template_global(lambda values: [(one, one) for one in values], "dashboard_pairs")


def settings(provider: Provider) -> Sequence[Setting]:
    """The settings of a connection to a provider, in order."""
    return [_setting(provider, name, info) for name, info in provider.settings.model_fields.items()]


def secrets(provider: Provider) -> Sequence[CredentialField]:
    """Every field that a connection to a provider may sign in with; which, its settings may say."""
    found: dict[str, CredentialField] = {}
    for chosen in _alternatives(provider):
        for one in provider.credentials(chosen):
            found.setdefault(one.name, one)
    always = set.intersection(
        *({one.name for one in provider.credentials(chosen)} for chosen in _alternatives(provider))
    )
    return [CredentialField(name=one.name, required=one.required and one.name in always) for one in found.values()]


def typed_settings(provider: Provider) -> dict[str, Any]:
    """The settings that the form says; what was left empty is not said."""
    said: dict[str, Any] = {}
    for one in settings(provider):
        if one.is_tick:
            said[one.name] = one.field in request.form
        elif value := request.form.get(one.field, "").strip():
            said[one.name] = value
    return said


def typed_secrets(provider: Provider) -> dict[str, str]:
    """The secrets that the form says."""
    said = {one.name: request.form.get(f"{CREDENTIAL}.{one.name}", "").strip() for one in secrets(provider)}
    return {name: value for name, value in said.items() if value}


def choosable(provider: Provider) -> Mapping[str, bool]:
    """Settings whose values the provider can name, and whether it makes new ones."""
    return provider.choosable if isinstance(provider, Chooses) else {}


def _setting(provider: Provider, name: str, info: FieldInfo) -> Setting:
    label, hint = SAID.get((provider.slug, name), (name, info.description or ""))
    return Setting(
        name=name,
        label=label,
        hint=hint,
        required=info.is_required() and name not in choosable(provider),
        default=None if info.is_required() else info.default,
        choices=get_args(info.annotation) if info.annotation not in {str, bool} else (),
        is_tick=info.annotation is bool,
        choosable=name in choosable(provider),
    )


def _alternatives(provider: Provider) -> Sequence[Mapping[str, Any]]:
    """The settings that a credential may depend on, in every way."""
    chosen = [(one.name, choice) for one in settings(provider) for choice in one.choices]
    return [{name: choice} for name, choice in chosen] or [{}]
