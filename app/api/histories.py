"""What there is of uploads, and what can still be done about one: try again, stop, ask after."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from app.api import places
from app.api.asking import Asker
from app.api.errors import NothingHere
from app.api.hand_ins import Attempt, Upload
from app.api.paging import Page, Paging, page
from app.api.resources import TAGS, Resource
from app.api.schemas import Model
from app.api.uploads import TAG
from app.delivery import cancelling, retrying
from app.delivery.jobs import wake
from app.records import searching, showing, uploads
from app.records.searching import Found, Wanted
from app.records.states import State
from app.services import services
from app.tenants import organizations
from app.tenants.models import Connection
from app.tenants.tokens import Scope

resource = Resource(TAG, TAGS[TAG])

ONE: Final = "/uploads/<uuid:upload_id>"


class UploadPage(Page[Upload]):
    """Uploads, the newest first."""


class UploadQuery(Paging):
    """Which uploads are listed."""

    state: State | None = None
    operation: Annotated[str | None, Field(max_length=60, examples=["formkiq/document"])] = None
    connection: Annotated[str | None, Field(max_length=63, description="Its name.")] = None
    external_id: Annotated[str | None, Field(max_length=200, description="What its caller calls it.")] = None
    since: Annotated[AwareDatetime | None, Field(description="Handed in from then on.")] = None
    until: Annotated[AwareDatetime | None, Field(description="Handed in before then.")] = None


class Tried(Attempt):
    """One try to deliver an upload, with all that is known of it."""

    completing_at: Annotated[
        datetime | None, Field(description="When its last bytes were let go; before then the provider has nothing.")
    ]
    provider_message: Annotated[str | None, Field(description="The provider's own words, cleaned of anything secret.")]
    provider_log_id: Annotated[str | None, Field(description="By which the provider finds it in its own log.")]


class Attempts(Model):
    """An upload's attempts, in order."""

    items: list[Tried]


class Insisting(Model):
    """How much somebody wants it sent again."""

    may_be_there: Annotated[
        bool, Field(description="Also where nobody knows whether it arrived: it may then be there twice.")
    ] = False


@resource.route(
    "GET", "/organizations/<organization>/uploads", scope=Scope.UPLOADS_READ, query=UploadQuery, shows=UploadPage
)
def list_uploads(asker: Asker, query: UploadQuery) -> UploadPage:
    """List an organization's uploads, the newest first."""
    wanted, slug = Wanted(**query.model_dump(exclude=set(Paging.model_fields))), str(asker.slug)
    with asker.transaction() as session:
        found = searching.uploads(session, wanted, after=places.read(query.after), limit=query.limit + 1)
    return page(UploadPage, found, query, key=lambda one: places.written(one.place), show=lambda one: shown(one, slug))


@resource.route("GET", f"{ONE}/attempts", scope=Scope.UPLOADS_READ, shows=Attempts)
def list_attempts(asker: Asker, upload_id: UUID) -> Attempts:
    """List an upload's attempts, in order."""
    with asker.transaction() as session:
        tried = searching.attempts(session, [upload_id]).get(upload_id, ())
    return Attempts(items=[Tried(**{name: getattr(one, name) for name in Tried.model_fields}) for one in tried])


@resource.route(
    "POST",
    f"{ONE}/retry",
    scope=Scope.UPLOADS_WRITE,
    query=Insisting,
    shows=Upload,
    status=202,
    problems=(409,),
)
def retry_upload(asker: Asker, upload_id: UUID, query: Insisting) -> Upload:
    """Send again what failed, from its copy, as long as there is one."""
    with asker.transaction() as session:
        retrying.retry(session, upload_id, actor=asker.actor, now=services().clock(), may_be_there=query.may_be_there)
        session.flush()
        shows = _the_upload(session, asker, upload_id)
        wake(session, asker.the_organization)
    return shows


@resource.route("POST", f"{ONE}/cancel", scope=Scope.UPLOADS_WRITE, shows=Upload, problems=(409,))
def cancel_upload(asker: Asker, upload_id: UUID) -> Upload:
    """Stop what is under way.

    What waits is never sent; what is being sent ends incomplete. Once all of it may be at the provider, and where
    nobody knows yet whether it is, the answer is 409: it cannot be said truly that it was cancelled.
    """
    with asker.transaction() as session:
        cancelling.cancel(session, upload_id, actor=asker.actor, now=services().clock())
        session.flush()
        shows = _the_upload(session, asker, upload_id)
    services().spool.discard(upload_id)
    return shows


@resource.route("POST", f"{ONE}/reconcile", scope=Scope.UPLOADS_WRITE, shows=Upload)
def reconcile_upload(asker: Asker, upload_id: UUID) -> Upload:
    """Ask the provider whether an upload arrived of which nobody knows.

    Any other is shown as it is; so is one of which nothing was learnt. The caller waits for the provider's answer.
    """
    services().deliverer.check_again(asker.the_organization, upload_id, actor=asker.actor)
    with asker.transaction() as session:
        return _the_upload(session, asker, upload_id)


def shown(found: Found, organization: str) -> Upload:
    """Show an upload."""
    told = showing.shown(found.upload, organization=organization, connection=found.connection, attempts=found.attempts)
    return Upload.model_validate(told)


def _the_upload(session: Session, asker: Asker, upload_id: UUID) -> Upload:
    """The upload as it is by now; raises NothingHere."""
    try:
        upload = uploads.get(session, upload_id)
    except NoResultFound:
        raise NothingHere from None
    tried = searching.attempts(session, [upload_id]).get(upload_id, ())
    connection = session.get_one(Connection, upload.connection_id)
    slug = organizations.get(session, asker.the_organization).slug
    return shown(Found(upload=upload, connection=connection.name, attempts=tried), slug)
