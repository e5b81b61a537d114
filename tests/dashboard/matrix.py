"""Who may open which page: written by hand, endpoint by endpoint. A page without a row here fails a test."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

#: What somebody meets: the page, the page where people sign in, “not with your role”, “there is nothing here”.
YES, LOGIN, NO, NOTHING = "yes", "login", "no", "nothing"


@dataclass(frozen=True)
class Row:
    """What each visitor meets; `manager` runs the organization that the page is about, `stranger` another."""

    nobody: str
    owner: str
    operator: str
    auditor: str
    manager: str
    stranger: str


VISITORS: Final = ("nobody", "owner", "operator", "auditor", "manager", "stranger")

#: Nobody has to be signed in.
ANYBODY = Row(YES, YES, YES, YES, YES, YES)
#: About oneself, or about all that one may see.
THEIRS = Row(LOGIN, YES, YES, YES, YES, YES)
#: About all that one may change.
CHANGES_ALL = Row(LOGIN, YES, YES, NO, YES, YES)
#: An organization's.
SEES = Row(LOGIN, YES, YES, YES, YES, NOTHING)
CHANGES = Row(LOGIN, YES, YES, NO, YES, NOTHING)
OWNS = Row(LOGIN, YES, NO, NO, NO, NOTHING)
#: The house's.
HOUSE_SEES = Row(LOGIN, YES, YES, YES, NOTHING, NOTHING)
HOUSE_CHANGES = Row(LOGIN, YES, YES, NO, NOTHING, NOTHING)
HOUSE_OWNS = Row(LOGIN, YES, NO, NO, NOTHING, NOTHING)

#: What each visitor meets at which pages; the names are the views'.
GROUPS: Final[tuple[tuple[Row, str], ...]] = (
    # Coming in: nobody has to be there already.
    (ANYBODY, "sign_in_page sign_in recover_page recover new_password_page choose_new_password join_page join"),
    (ANYBODY, "measure_password"),
    (ANYBODY, "factor_page show_factor ask_passkey sign_in_by_passkey"),
    (ANYBODY, "new_factor_page set_up_factor ask_new_passkey set_up_passkey"),
    # About oneself.
    (THEIRS, "sign_out confirm_page confirm ask_to_confirm confirm_by_passkey set_theme set_keys set_language"),
    (THEIRS, "account_page edit_account change_password authenticator_page add_authenticator remove_authenticator"),
    (THEIRS, "new_passkey_page ask_own_passkey add_passkey remove_passkey make_recovery_codes"),
    (THEIRS, "end_session end_other_sessions"),
    # About all that one may see.
    (THEIRS, "home show_charts show_usage export_usage search all_audit all_forms all_tokens all_webhooks"),
    # Uploads.
    (THEIRS, "list_uploads show_changes export_uploads show_upload show_upload_part give_upload_receipt"),
    (CHANGES_ALL, "retry_upload cancel_upload reconcile_upload choose_act act_on_all"),
    # An organization's audit, forms and links.
    (SEES, "list_audit export_audit verify_audit list_forms show_form preview_form list_links"),
    (CHANGES, "new_form create_form edit_form open_form close_form preview_draft new_link create_link revoke_link"),
    # Hand-ins for an organization's customers.
    (CHANGES, "choose_hand_in hand_in_form hand_in"),
    # An organization's tokens and webhooks, and the house's.
    (SEES, "list_tokens list_webhooks show_webhook show_webhook_delivery"),
    (CHANGES, "new_token create_token rotate_token revoke_token new_webhook create_webhook edit_webhook test_webhook"),
    (CHANGES, "disable_webhook enable_webhook delete_webhook rotate_webhook_secret"),
    (CHANGES, "redeliver_webhooks redeliver_webhook"),
    (HOUSE_OWNS, "house_list_tokens house_new_token house_create_token house_rotate_token house_revoke_token"),
    (HOUSE_OWNS, "house_list_webhooks house_new_webhook house_create_webhook house_show_webhook house_edit_webhook"),
    (HOUSE_OWNS, "house_test_webhook house_disable_webhook house_enable_webhook house_delete_webhook"),
    (HOUSE_OWNS, "house_rotate_webhook_secret house_redeliver_webhooks house_redeliver_webhook"),
    (HOUSE_OWNS, "house_show_webhook_delivery"),
    # Organizations.
    (THEIRS, "list_organizations all_connections"),
    (HOUSE_SEES, "export_organizations"),
    (HOUSE_CHANGES, "new_organization create_organization import_form judge_import run_import"),
    (CHANGES_ALL, "certificates hand_in_certificates"),
    (SEES, "show_organization organization_settings"),
    (CHANGES, "edit_organization suspend_organization lift_organization"),
    (OWNS, "delete_organization restore_organization"),
    (CHANGES, "set_up set_up_connection make_connection set_up_verify verify_set_up set_up_form make_form"),
    (CHANGES, "set_up_link make_link"),
    # Connections, of an organization and of the house.
    (SEES, "list_connections show_connection"),
    (CHANGES, "new_connection create_connection edit_connection replace_credential verify_connection"),
    (CHANGES, "pause_connection resume_connection list_files give_file"),
    (HOUSE_OWNS, "house_list_connections house_show_connection house_new_connection house_create_connection"),
    (HOUSE_OWNS, "house_edit_connection house_replace_credential house_verify_connection"),
    (HOUSE_OWNS, "house_pause_connection house_resume_connection"),
    # People.
    (HOUSE_OWNS, "list_people invitation_page invite revoke_invitation show_person change_role disable_person"),
    (HOUSE_OWNS, "enable_person end_sessions reset_factors"),
)
MATRIX: Final[dict[str, Row]] = {name: row for row, names in GROUPS for name in names.split()}


def expected(endpoint: str, visitor: str) -> str:
    """What a visitor meets at a page."""
    said: tuple[str, ...] = astuple(MATRIX[endpoint])
    return said[VISITORS.index(visitor)]
