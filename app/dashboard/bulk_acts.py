"""The same done to all uploads that a filter leaves: counted, asked about once, then done in small steps.

Each step is a request that does some of them, and says where the next one goes on: whoever closes the page stops it,
and who begins again goes on with what is left, for what was done does not fit the filter any more. What comes in
meanwhile is not touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.api import histories as api
from app.api import places
from app.api.asking import Asker
from app.api.errors import BadCursor, NothingHere
from app.dashboard import narrowing, taking
from app.dashboard.pages import page
from app.dashboard.refusing import sentence
from app.dashboard.rights import Right
from app.dashboard.seeing import seen
from app.delivery import cancelling
from app.errors import N_, Refusal
from app.records import finding
from app.records.finding import Line, Sought
from app.records.states import State
from app.services import services


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that can be done to many. Texts are messages for translation."""

    states: frozenset[State]
    icon: str
    title: str
    about: str
    #: How many that was done to.
    done: str
    do: Callable[[Asker, UUID], State]
    #: Uploads of one step: a provider's answers are waited for.
    step: int = 25
    danger: bool = False


def _retry(asker: Asker, upload_id: UUID) -> State:
    return api.retry_upload(asker, upload_id, api.Insisting()).state


def _cancel(asker: Asker, upload_id: UUID) -> State:
    return api.cancel_upload(asker, upload_id).state


def _reconcile(asker: Asker, upload_id: UUID) -> State:
    return api.reconcile_upload(asker, upload_id).state


ACTS: Final[Mapping[str, Act]] = {
    "retry": Act(
        states=frozenset({State.FAILED}),
        icon="again",
        title=N_("Send again what failed"),
        about=N_("Whatever there is a copy of waits its turn and is sent again. The rest is left as it is."),
        done=N_("Will be sent again"),
        do=_retry,
    ),
    "cancel": Act(
        states=cancelling.UNDER_WAY,
        icon="slash",
        title=N_("Cancel what is under way"),
        about=N_(
            "Nothing more is sent of it, and its copies are removed: it has to be handed in again. "
            "What the provider may have whole is left as it is."
        ),
        done=N_("Cancelled"),
        do=_cancel,
        danger=True,
    ),
    "reconcile": Act(
        states=frozenset({State.UNKNOWN}),
        icon="question",
        title=N_("Check again what is unconfirmed"),
        about=N_("The provider of each is asked whether it has it."),
        done=N_("Asked about"),
        do=_reconcile,
        step=3,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How far an act has come; all of it stands on the page, nothing is kept."""

    name: str
    began: datetime
    #: How many there were, and were looked at; and of those, how many it was done to.
    total: int
    seen: int
    done: int
    #: Why it was not done to others: slug → how many.
    left: Mapping[str, int]
    #: Where it goes on; None: it is over, or has not begun.
    place: str | None

    @property
    def act(self) -> Act:
        return ACTS[self.name]


@page("GET", "/uploads/act", right=Right.CHANGE, everywhere=True)
def choose_act(asker: Asker) -> ResponseReturnValue:
    """Say what can be done to all that the filters leave, and to how many."""
    with seen(asker) as session:
        sought = narrowing.narrowed(asker, session, request.args)
        counts = {name: finding.count(session, _among(sought, act)) for name, act in ACTS.items()}
    return render_template(
        "dashboard/bulk.html",
        acts=ACTS,
        counts=counts,
        most=finding.MOST,
        kept=narrowing.kept(request.args),
        began=services().clock().isoformat(),
    )


@page("POST", "/uploads/act", right=Right.CHANGE, everywhere=True)
def act_on_all(asker: Asker) -> ResponseReturnValue:
    """Do a step of it, and say how far it has come."""
    run = _run()
    with seen(asker) as session:
        sought = _among(narrowing.narrowed(asker, session, request.form), run.act, began=run.began)
        if run.name == "cancel" and "mine" in request.form:
            sought = replace(sought, moved_by=asker.actor, moved_since=_moment("since_when"))
        total = run.total or finding.count(session, sought)
        found = finding.behind(session, sought, narrowing.place(request.form, "place"), limit=run.act.step)
    left = Counter(run.left)
    done = run.done + sum(_did(asker, run.act, line, left) for line in found.lines)
    after = replace(
        run,
        total=total,
        seen=run.seen + len(found.lines),
        done=done,
        left=left,
        place=places.written(found.lines[-1].place) if found.older else None,
    )
    template = "dashboard/_bulk_run.html" if taking.by_htmx() else "dashboard/bulk_run.html"
    kept = narrowing.kept(request.form)
    back = url_for("dashboard.list_uploads", **kept)
    return render_template(template, run=after, kept=kept, back=back, mine="mine" in request.form, reason_of=sentence)


def _among(sought: Sought, act: Act, *, began: datetime | None = None) -> Sought:
    """What of it the act is for; of what came in before it began."""
    states = sought.states & act.states if sought.states else act.states
    ends = [one for one in (began, sought.until) if one is not None]
    return replace(
        sought,
        states=states or act.states,
        # Of states that none of its own is among, there is nothing to do.
        organization_id=sought.organization_id if states else narrowing.NOWHERE,
        until=min(ends) if ends else None,
    )


def _did(asker: Asker, act: Act, line: Line, left: Counter[str]) -> bool:
    """Do it to one; why not, is counted."""
    try:
        act.do(asker.for_organization(line.organization_id), line.id)
    except Refusal as refusal:
        left[refusal.slug] += 1
        return False
    return True


def _run() -> Run:
    """How far it has come, as the page says; raises NothingHere, BadCursor."""
    form = request.form
    if form.get("act") not in ACTS:
        raise NothingHere
    left = {
        name.removeprefix("left."): count
        for name in form
        if name.startswith("left.") and (count := form.get(name, type=int))
    }
    return Run(
        name=form["act"],
        began=_moment("began"),
        total=form.get("total", 0, type=int),
        seen=form.get("seen", 0, type=int),
        done=form.get("done", 0, type=int),
        left=left,
        place=form.get("place"),
    )


def _moment(name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(request.form.get(name, ""))
    except ValueError:
        raise BadCursor(field=name) from None
    if moment.tzinfo is None:
        raise BadCursor(field=name)
    return moment
