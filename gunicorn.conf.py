"""The gateway's server. What may differ between installations comes from the environment:

PORT, HOST, WEB_CONCURRENCY (processes), THREADS (requests at once in each), FORWARDED_ALLOW_IPS (proxies in front of
it), LEAVING_SECONDS (how long it says at /readyz that it will end, before it does), LOG_LEVEL.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import gunicorn.http.wsgi

from app.seeing import crashing, sharing

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"

# A slow client costs a thread and nothing else, so there are many of them.
worker_class = "app.intake.worker.Worker"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("THREADS", "600"))
worker_connections = 2 * threads  # as many again may rest between two requests; they cost no thread
keepalive = 20

timeout = 60  # of a worker's loop, which waits for no client; requests have deadlines of their own
leaving = float(os.environ.get("LEAVING_SECONDS") or 0)
graceful_timeout = 70 + int(leaving)  # a hand-in that has begun is brought to its end (TOTAL_SECONDS is 60)
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the heartbeat file, off the disk

# A link's token is 43 characters; nothing else of ours is long.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
http_parser = "python"  # the one that the tests run against
header_map = "refuse"  # X_Forwarded_For is not X-Forwarded-For
forwarder_headers = ""  # nor may one say, even through a proxy on this machine, what path was asked for: SCRIPT_NAME
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")

# No access log: paths hold link tokens (/l/…, /o/…) and the application logs what it does. `debug` would print the
# heads of broken requests.
accesslog = None
errorlog = "-"
loglevel = os.environ.get("LOG_LEVEL", "info").lower().replace("debug", "info")
control_socket_disable = True

# gunicorn has no setting for the Server header.
gunicorn.http.wsgi.SERVER = "ventanilla"


# Before anything is imported that counts: processes of one server count in the same files.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(sharing.shared())


def on_starting(server: Any) -> None:
    """Read the gateway's settings before any process of it is started: one that failed would be started for ever.

    What is imported here every process has when it begins, so that one that died is replaced within a moment.
    """
    from app import assembly

    crashing.leave_nothing()
    if server.app.app_uri == "wsgi:app":
        assembly.preflight()


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's signature
    """What a process had in hand it has not any more; what it counted still counts."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def post_worker_init(worker: Any) -> None:
    """What is there by now stays as long as the process: the collector looks through what comes, and not so often."""
    worker.leaving_seconds = leaving
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
