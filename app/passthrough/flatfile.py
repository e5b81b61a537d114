"""Flatfile as its clients see it: Bearer; the files of one space, and the space's place.

An id of a file says nothing of the space that it lies in: what is found by it alone is for connections with a key of
their own. By the house's, one organization could name another's.
"""

from __future__ import annotations

from typing import ClassVar, Final

from app.passthrough.base import Spelled, Told, bearer
from app.passthrough.rules import Rules, allow, ask, deny, form, json, path, query
from app.providers import flatfile_replies as replies
from app.providers.base import Account, Ending, HandIn, Outcome
from app.providers.operation import Operation
from app.providers.outcomes import in_doubt, unconfirmed
from app.providers.wire import Answer, Reply

ENVIRONMENT: Final = path("environment", "environment_id")
SPACE: Final = path("space", "space_id")

FILES: Final = (
    allow(
        "POST /files",
        "It uploads a file into the connection's space.",
        operation="flatfile/file",
        parts={"file": "file"},
        fields=("mode", "actions", "origin"),
        again="/files/{reference}",
        owned=(form("spaceId", "space_id"), form("environmentId", "environment_id")),
    ),
    allow("GET /files", "It lists the files of the connection's space.", owned=(query("spaceId", "space_id"),)),
    allow("GET /files/{file}", "It shows a file.", borrowed=False),
    allow("GET /files/{file}/download", "It gives a file's bytes.", borrowed=False),
    ask("PATCH /files/{file}", "It changes a file, and can set off what is done with it.", borrowed=False),
    ask("DELETE /files/{file}", "It takes a file away for good.", borrowed=False),
)

ENVIRONMENTS: Final = (
    allow("GET /environments/{environment}", "It shows the connection's environment.", owned=(ENVIRONMENT,)),
    allow("GET /environments/current", "It shows the environment that the key is for.", borrowed=False),
    ask("GET /environments", "It lists all environments of the account.", borrowed=False),
    ask("POST /environments", "It makes an environment, which the account may pay for.", borrowed=False),
    ask(
        "PATCH /environments/{environment}",
        "It changes the connection's environment.",
        owned=(ENVIRONMENT,),
        borrowed=False,
    ),
    deny("DELETE /environments/{environment}", "It would end every space and file of the environment."),
    deny("GET /environments/subscription-token", "It gives a token that hears of everything in the environment."),
    deny("GET /environments/{environment}/guides", "Guides belong to whoever sets the environment up."),
    deny("POST /environments/{environment}/guides", "Guides belong to whoever sets the environment up."),
    deny("GET /environments/{environment}/guides/{guide}", "Guides belong to whoever sets the environment up."),
    deny("PATCH /environments/{environment}/guides/{guide}", "Guides belong to whoever sets the environment up."),
    deny("DELETE /environments/{environment}/guides/{guide}", "Guides belong to whoever sets the environment up."),
    deny(
        "GET /environments/{environment}/guides/{guide}/versions/{version}",
        "Guides belong to whoever sets the environment up.",
    ),
)

SPACES: Final = (
    ask("GET /spaces/{space}", "It shows the connection's space, with what lets guests into it.", owned=(SPACE,)),
    ask(
        "GET /spaces",
        "It lists the spaces of the connection's environment, with what lets guests into them.",
        owned=(query("environmentId", "environment_id"),),
        borrowed=False,
    ),
    ask(
        "POST /spaces",
        "It makes a space in the connection's environment.",
        owned=(json("environmentId", "environment_id"),),
        borrowed=False,
    ),
    ask("PATCH /spaces/{space}", "It changes the connection's space, and who may come in.", owned=(SPACE,)),
    ask("POST /spaces/{space}/archive", "It closes the connection's space.", owned=(SPACE,)),
    ask("POST /spaces/{space}/unarchive", "It opens the connection's space again.", owned=(SPACE,)),
    deny("DELETE /spaces/{space}", "It would end the space that the connection puts its files into."),
    deny("DELETE /spaces", "It would end spaces by a list of ids, whosever they are."),
    ask("GET /spaces/{space}/guidance", "It lists what guides people through the space.", owned=(SPACE,)),
    ask("POST /spaces/{space}/guidance", "It adds to what guides people through the space.", owned=(SPACE,)),
    ask("GET /spaces/{space}/guidance/{guidance}", "It shows what guides people through the space.", owned=(SPACE,)),
    ask("PATCH /spaces/{space}/guidance/{guidance}", "It changes what guides people there.", owned=(SPACE,)),
    ask("DELETE /spaces/{space}/guidance/{guidance}", "It ends what guides people through the space.", owned=(SPACE,)),
)

#: Keys, and programs that act with them.
POWERS: Final = (
    deny("GET /secrets", "It shows credentials that were put there for other services."),
    deny("POST /secrets", "Credentials for other services are the operators' to put there."),
    deny("DELETE /secrets/{secret}", "What works with that credential would stop."),
    deny("GET /auth/sftp-credentials", "It gives a credential for another way in."),
    deny("GET /agents", "Agents are programs of the account, not of one organization."),
    deny("POST /agents", "It would put a program into the environment that acts on everybody's files."),
    deny("GET /agents/{agent}", "It gives the source of a program of the account."),
    deny("DELETE /agents/{agent}", "It would end a program that others count on."),
    deny("GET /agents/{agent}/versions", "Agents are programs of the account, not of one organization."),
    deny("GET /agents/{agent}/versions/{version}/revert", "It would put an older program in the place of one."),
    deny("GET /agents/{agent}/roles", "What agents may do is the operators' business."),
    deny("POST /agents/{agent}/roles", "What agents may do is the operators' business."),
    deny("DELETE /agents/{agent}/roles/{role}", "What agents may do is the operators' business."),
    deny("GET /agents/{agent}/logs", "What agents write down can be of anybody's files."),
    deny("GET /agents/log/{event}", "What agents write down can be of anybody's files."),
    deny("GET /agents/logs", "What agents write down can be of anybody's files."),
    deny("GET /agents/executions", "What agents did can be of anybody's files."),
)

RULES: Final = Rules(*FILES, *ENVIRONMENTS, *SPACES, *POWERS)

#: Statuses that its clients know as something of their own, or take for a fault that passes; all else is a bad request.
STATUSES: Final = frozenset({401, 403, 404, 429})
REFUSED: Final = 400


class Flatfile:
    """The face."""

    slug: ClassVar[str] = "flatfile"
    base_path: ClassVar[str] = "/v1"
    rules: ClassVar[Rules] = RULES
    own_names: ClassVar[frozenset[str]] = frozenset()
    language: ClassVar[str] = "en"

    def token(self, authorization: str) -> str | None:
        return bearer(authorization)

    def spell(self, told: Told) -> Spelled:
        """A list of one; without it its package cannot read a 400 or a 404 at all."""
        status = told.status if told.status in STATUSES or told.status >= 500 else REFUSED
        error = {"key": told.field, "message": told.detail} if told.field else {"message": told.detail}
        headers = {} if told.retry_after is None else {"Retry-After": str(told.retry_after)}
        return Spelled(status=status, body={"errors": [error]}, headers=headers)

    def judge(self, operation: Operation, handin: HandIn, account: Account, answer: Answer) -> Outcome:  # noqa: ARG002
        """It shows the file that it made, of that size."""
        (file,) = handin.parts.values()
        taken = replies.file(replies.data(answer))
        if taken is not None and taken.size == file.size:
            return Outcome(
                ending=Ending.DELIVERED,
                reference=taken.id,
                provider_status=taken.provider_status,
                http_status=answer.status if isinstance(answer, Reply) else None,
            )
        refused = replies.refusal(answer)
        return unconfirmed(refused) if in_doubt(answer) else refused
