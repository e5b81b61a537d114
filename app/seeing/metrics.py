"""What is counted. No label names an organization, a person or a file: there are only as many as the code has words.

Several processes of one server count in files that they share (`PROMETHEUS_MULTIPROC_DIR`, which gunicorn.conf.py
sets); any other process counts for itself. Names and labels are an interface: ops/ stands on them.
"""

from __future__ import annotations

import os
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

#: For what people wait for, and for what may wait for a provider.
PROMPT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
PATIENT: Final = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0)
#: In the place of a word that is not one of ours.
OTHER: Final = "other"

REGISTRY: Final = CollectorRegistry()

REQUESTS: Final = Counter("ventanilla_requests", "Requests answered.", ["face", "method", "status"], registry=REGISTRY)
REQUEST_SECONDS: Final = Histogram(
    "ventanilla_request_seconds",
    "From a request's head to the beginning of its answer.",
    ["face"],
    buckets=PROMPT,
    registry=REGISTRY,
)
REFUSALS: Final = Counter(
    "ventanilla_refusals", "Requests refused, by the problem that was answered.", ["face", "problem"], registry=REGISTRY
)
IN_HAND: Final = Gauge(
    "ventanilla_uploads_in_hand",
    "Uploads that are being taken in at this moment.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
UPLOADS: Final = Counter(
    "ventanilla_uploads", "Uploads that came to a state.", ["operation", "mode", "state"], registry=REGISTRY
)
UPLOAD_PROBLEMS: Final = Counter(
    "ventanilla_upload_problems",
    "Problems that uploads came to a state by.",
    ["operation", "problem"],
    registry=REGISTRY,
)
UPLOAD_BYTES: Final = Counter(
    "ventanilla_delivered_bytes", "Bytes of the files that were delivered.", ["operation"], registry=REGISTRY
)
DELIVERY_SECONDS: Final = Histogram(
    "ventanilla_delivery_seconds",
    "From an upload's record to its delivery.",
    ["operation"],
    buckets=PATIENT,
    registry=REGISTRY,
)
SCANS: Final = Counter(
    "ventanilla_scans",
    "Files shown to the antivirus, by the problem that came of it, if any.",
    ["problem"],
    registry=REGISTRY,
)
CALLS: Final = Counter(
    "ventanilla_provider_calls",
    "Requests to providers, by the class of the answer's status or the cause of there being none.",
    ["provider", "kind", "answer"],
    registry=REGISTRY,
)
CALL_SECONDS: Final = Histogram(
    "ventanilla_provider_call_seconds",
    "How long requests to providers took; a file that still arrives is sent no faster than that.",
    ["provider", "kind"],
    buckets=PROMPT,
    registry=REGISTRY,
)
JOBS: Final = Counter("ventanilla_jobs", "Jobs that a worker did.", ["task", "outcome"], registry=REGISTRY)
JOB_SECONDS: Final = Histogram(
    "ventanilla_job_seconds", "How long jobs took.", ["task"], buckets=PROMPT, registry=REGISTRY
)


def counted() -> CollectorRegistry:
    """Everything that this server's processes have counted so far."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
