"""What the worker does for deliveries: the next upload of an organization, when there is something due."""

from __future__ import annotations

from procrastinate import JobContext

from app import queue


@queue.jobs.task(name="deliver", pass_context=True)
def deliver(context: JobContext, organization: str) -> None:
    """Deliver the organization's next upload that is due."""
    del context, organization
