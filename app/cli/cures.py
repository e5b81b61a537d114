"""What can be wrong with an installation, by the name of each ill, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

#: What somebody who reads it can do by themselves; what stands in braces differs from case to case.
CURES: Final[Mapping[str, str]] = {
    "setting": "set it",
    "not-https": "put TLS in front, and let PUBLIC_URL begin with https://",
    "metrics-open": "let METRICS_ALLOW name the networks of who asks, and give everybody else METRICS_TOKEN",
    "proxies-anybody": "let FORWARDED_ALLOW_IPS name the addresses or networks of the proxies in front, and no others",
    "traces-missing": "pip install --require-hashes -r requirements-otel.txt, or take TRACES_URL away",
    "traces-away": "start the collector at TRACES_URL, or take it away",
    "vault-unread": "flask vault create, or bring it back",
    "vault-demo": "flask vault create, with VAULT_KEYSET at another path",
    "vault-foreign": "bring the right keyset back",
    "spool-unknown": "set it, and what the bucket needs",
    "spool-full": "make room, or raise SPOOL_QUOTA_BYTES or SPOOL_HIGH_WATER",
    "spool-away": "let SPOOL_URL name a folder or bucket that the gateway may write to, list and delete from",
    "spool-lost": "use another place",
    "antivirus-ignorant": "freshclam, and see that it is run by itself",
    "antivirus-small": "raise StreamMaxLength, MaxFileSize and MaxScanSize in clamd.conf, or lower ANTIVIRUS_MAX_BYTES",
    "antivirus-away": "start clamd, and let ANTIVIRUS_URL name a socket of its that the gateway's user may open",
    "mail-away": "start the server that MAIL_URL names, and see to its user, password and certificate",
    "database-away": "start PostgreSQL; DATABASE_URL has to name its host and a role that may LOGIN, with its password",
    "role": "let {variable} name the role {wanted}",
    "clock": "run a time service (NTP) on both",
    "migrations": "flask db upgrade",
    "row-security": "flask db upgrade; if it stays, ALTER TABLE … FORCE ROW LEVEL SECURITY",
    "worker-away": "flask worker",
    "queue-behind": "start more workers, or look in the worker's lines for what holds it up",
    "worker-role-away": "DATABASE_WORKER_URL has to name its host and a role that may LOGIN, with its password",
    "no-sandbox": "set it, or make a live connection",
    "egress": "put {origin} into EGRESS_ALLOW if it is meant to be gone to",
    "unreachable": "let this machine reach that address (name service, firewall)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one thing is. `cure` says what to do where it is bad."""

    about: str
    state: Literal["ok", "n/a", "FAIL"] = "ok"
    detail: str
    cure: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<5} {self.about:<12} {self.detail}"
        return f"{line} → {self.cure}" if self.cure else line


def failed(about: str, ill: str, detail: str, **named: str) -> Finding:
    """Something is wrong, in a way that has a name; `named`: what its cure speaks of."""
    return Finding(about=about, state="FAIL", detail=detail, cure=CURES[ill].format(**named))
