"""Settings, read once from the environment; a wrong or missing one stops the start with a line that names it."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    IPvAnyNetwork,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

#: What the demo's secrets begin with, so that production can tell them.
DEMO_PREFIX = "demo-"

MAIL_SCHEMES: Final = frozenset({"smtp", "smtps", "file"})
DEFAULT_PORTS: Final = {"http": 80, "https": 443}

#: Settings of several values, separated by commas.
LISTS: Final = (
    *("trusted_hosts", "egress_allow", "forwarded_allow_ips", "metrics_allow", "second_factor"),
    "certificate_days",
)

LAST_PORT: Final = 65_535

#: Schemes of the buckets that the spool can be in.
BUCKETS: Final = frozenset({"s3", "gs", "az"})

Origins = Annotated[tuple[str, ...], NoDecode]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode]
Days = Annotated[tuple[PositiveInt, ...], NoDecode]
Roles = Annotated[tuple[Literal["owner", "operator", "auditor", "manager"], ...], NoDecode]
#: How gunicorn spells every address there is, and these as networks.
ANYBODY: Final = "*"
EVERYWHERE: Final = ("0.0.0.0/0", "::/0")


class ConfigurationError(SystemExit):
    """The environment does not describe a gateway that could start: one line a fault, exit code 78 (EX_CONFIG)."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class Settings(BaseSettings):
    """Every setting of the gateway. The environment variable is the field's name in capitals."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    ventanilla_mode: Literal["production", "demo"] = Field(
        default="production", description="`production` refuses the demo's secrets; `make run` sets `demo`."
    )
    secret_key: SecretStr = Field(
        min_length=32, description="Signs cookies and CSRF tokens; at least 32 characters, the same on every node."
    )
    database_url: SecretStr = Field(description="PostgreSQL as the role `ventanilla_app`, which row security binds.")
    database_worker_url: SecretStr | None = Field(
        default=None, description="PostgreSQL as the role `ventanilla_worker`; needed where a worker runs."
    )
    database_owner_url: SecretStr | None = Field(
        default=None, description="PostgreSQL as the owner of the tables; needed for migrations only."
    )
    database_pool: PositiveInt = Field(
        default=20, description="Connections a process keeps; none is held while bytes flow."
    )
    vault_keyset: Path = Field(description="File with the master keyset, readable by the gateway's user alone.")
    vault_kms: str | None = Field(
        default=None,
        description="Address of the key that wraps the keyset in its file: `aws-kms://arn:aws:kms:…`, "
        "`gcp-kms://projects/…`, `hcvault://host:8200/transit/keys/…`; needs requirements-kms.txt. Without it, the "
        "keyset rests there as it is.",
    )
    instance_dir: Path = Field(default=Path("instance"), description="Folder of this installation's own files.")
    public_url: str = Field(
        default="http://127.0.0.1:8000", description="Where people reach the gateway; origins are compared with it."
    )
    trusted_hosts: Origins = Field(default=(), description="More origins the gateway answers to, separated by commas.")
    sandbox_url: str | None = Field(default=None, description="Where connections with environment `sandbox` go.")
    egress_allow: Origins = Field(
        default=(), description="Origins reachable although they are private or plain http; for the sandbox."
    )
    default_locale: Literal["es", "en"] = Field(default="es", description="Language where nothing else decides.")
    default_timezone: str = Field(default="America/Mexico_City", description="Zone of dates shown to people.")

    connect_seconds: PositiveFloat = Field(default=5.0, description="Longest wait for a provider's connection.")
    answer_seconds: PositiveFloat = Field(default=30.0, description="Longest wait for a provider's answer.")
    total_seconds: PositiveFloat = Field(default=60.0, description="Longest delivery of a direct operation in all.")
    relay_total_seconds: PositiveFloat = Field(
        default=21_600.0,
        le=86_400.0,
        description="Longest passing of a streamed file in all, up to its last byte; at most a day. "
        "What takes longer is `took-too-long`: 408 or 502, by who was waited for more.",
    )
    provider_minimum_rate: PositiveInt = Field(
        default=65_536,
        description="Bytes a second a provider has to take while more wait for it, where a copy of them is kept; one "
        "that is slower is let go after a grace, and tried again from the copy.",
    )
    provider_grace_seconds: PositiveFloat = Field(
        default=10.0, description="How long a provider may be slower than that, or keep a file waiting to be sent."
    )
    idle_seconds: PositiveFloat = Field(default=20.0, description="Longest silence of a client while it sends.")
    minimum_rate: PositiveInt = Field(default=240, description="Bytes a second a client must keep up after a grace.")
    rate_grace_seconds: PositiveFloat = Field(default=5.0, description="How long a client may be slower than that.")
    drain_bytes: PositiveInt = Field(default=32 << 20, description="Most bytes read and dropped after a refusal.")
    drain_seconds: PositiveFloat = Field(default=5.0, description="Longest time spent on them.")
    inspection_bytes: PositiveInt = Field(
        default=256 << 20, ge=32 << 20, description="Memory of a process for archives that are being looked into."
    )

    antivirus: Literal["off", "when-available", "required"] = Field(
        default="off",
        description="Whether files are shown to ClamAV's daemon as they pass: `required` hands none in without its "
        "verdict, `when-available` goes on without it and writes that down. What it finds is `infected`, 422.",
    )
    antivirus_url: str = Field(
        default="unix:///run/clamav/clamd.ctl",
        description="Where the daemon listens: `unix:///path`, or `tcp://host:port`, which is not encrypted.",
    )
    antivirus_seconds: PositiveFloat = Field(
        default=60.0, description="Longest that one file waits for the daemon in all, its verdict included."
    )
    antivirus_max_bytes: PositiveInt = Field(
        default=100 << 20,
        le=2 << 30,
        description="Largest file that is shown to the daemon, no more than its own StreamMaxLength, MaxFileSize and "
        "MaxScanSize; it looks at 2 GiB at most. A larger one is `not-scannable`, 413, where a verdict is required.",
    )

    spool_url: str = Field(
        default="",
        description="Where copies of files wait, encrypted: a folder, or `s3://bucket/prefix`, `gs://…`, `az://…` with "
        "the credentials that AWS_…, GOOGLE_… or AZURE_… variables name. Empty: `spool` in INSTANCE_DIR.",
    )
    spool_quota_bytes: PositiveInt | None = Field(
        default=None, description="Most bytes that copies may take up. What would be more is `spool-full`, 507."
    )
    spool_share_bytes: PositiveInt | None = Field(
        default=None,
        description="Of these, most that one organization's copies may take up, what is arriving for it through any "
        "node included. What would be more is `spool-share-full`, 507.",
    )
    spool_high_water: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="Share of the spool folder's disk that may be in use, by whatever. Above it: `spool-full`, 507.",
    )
    spool_buffer_bytes: PositiveInt = Field(
        default=512 << 20,
        ge=16 << 20,
        description="Memory of a process for files on their way to a bucket, 10 MiB each at most. Beyond: "
        "`spool-busy`, 503.",
    )

    uploads_in_flight: PositiveInt = Field(
        default=540,
        description="Uploads that a process has in hand at once; fewer than THREADS, so that pages and health checks "
        "are answered. One more is `overloaded`, 503.",
    )
    uploads_in_flight_per_organization: PositiveInt = Field(
        default=300, description="Of these, how many one organization's may be. One more is `too-many-at-once`, 429."
    )
    uploads_a_minute: PositiveInt = Field(
        default=600,
        description="Uploads that a process takes in a minute from one organization, one token and one address; an "
        "address of version 6 stands for its /64. One more is `too-many-a-minute`, 429.",
    )
    link_uploads_a_minute: PositiveInt = Field(
        default=120,
        description="Of these, how many may come through one personal link; pieces of a file count too. One more is "
        "`too-many-a-minute`, 429.",
    )
    guesses_a_minute: PositiveInt = Field(
        default=600,
        description="Tokens and addresses of pages that open nothing which a process looks up in a minute for one "
        "address. Then all that it brings is `too-many-a-minute`, 429, before anything is looked up.",
    )
    calls_a_minute: PositiveInt = Field(
        default=600,
        description="Calls of the API beside hand-ins that a process takes in a minute from one token. One more is "
        "`too-many-a-minute`, 429.",
    )
    queue_age_seconds: PositiveFloat = Field(
        default=900.0,
        description="How long an organization's uploads may be due in the queue without being taken, before more of "
        "them are `queue-behind`, 503.",
    )
    mail_url: SecretStr | None = Field(
        default=None,
        description="What mail is sent by: `smtp://user:password@host:587` (STARTTLS where the server has it, and "
        "always before a password), `smtps://…`, or `file:///folder` to write it to. Without it, no mail is offered.",
    )
    mail_from: str | None = Field(default=None, description="Whom mail comes from; needed with MAIL_URL.")
    forwarded_allow_ips: Networks = Field(
        default=(IPv4Network("127.0.0.1"), IPv6Network("::1")),
        description="Proxies in front of the gateway, as addresses or networks separated by commas, or `*`: they are "
        "believed where a client comes from. The server reads it too.",
    )

    resumable_seconds: PositiveFloat = Field(
        default=86_400.0,
        le=30 * 86_400.0,
        description="How long a file that arrives in pieces waits for its next one.",
    )

    worker_concurrency: PositiveInt = Field(default=16, description="Uploads that a worker delivers at once.")
    deliveries_per_connection: PositiveInt = Field(
        default=4, description="Uploads of one connection that all workers together deliver at once."
    )
    deliveries_per_organization: PositiveInt = Field(
        default=8, description="Uploads of one organization that all workers together deliver at once."
    )
    settled_seconds: PositiveFloat = Field(
        default=600.0,
        description="How long after its last byte a request without an answer may still arrive at a provider: until "
        "then, that it is not there is not for good.",
    )
    failed_days: PositiveFloat = Field(
        default=7.0, description="How long the copy of what could not be delivered is kept for a person's retry."
    )
    deletion_days: NonNegativeFloat = Field(
        default=30.0,
        description="How long an organization that is deleted is only suspended, and can be restored; then its data "
        "key is destroyed.",
    )
    certificate_days: Days = Field(
        default=(60, 30, 7, 1),
        description="How many days before its end it is told that a certificate ends, each time once, separated by "
        "commas: by webhook, and by mail to the organization's contact, else its managers, else the house's operators.",
    )
    webhook_failing_days: PositiveFloat = Field(
        default=5.0,
        description="An endpoint at which no webhook arrived for so long, though some were sent, is disabled.",
    )
    webhook_kept_days: PositiveFloat = Field(
        default=30.0, description="How long it is kept what was sent to webhook endpoints, and what they answered."
    )

    session_idle_seconds: PositiveFloat = Field(
        default=7_200.0, le=86_400.0, description="How long somebody who signed in stays so without opening a page."
    )
    session_seconds: PositiveFloat = Field(
        default=43_200.0, le=30 * 86_400.0, description="How long somebody who signed in stays so in all."
    )
    second_factor: Roles = Field(
        default=(),
        description="Roles whose people cannot sign in with a password alone, separated by commas: `owner`, "
        "`operator`, `auditor`, `manager`. Whoever has no second factor yet sets one up as they sign in.",
    )
    invitation_seconds: PositiveFloat = Field(
        default=7 * 86_400.0, le=90 * 86_400.0, description="How long an invitation is good."
    )

    metrics_allow: Networks = Field(
        default=(IPv4Network("127.0.0.1"), IPv6Network("::1")),
        description="From where `/metrics` may be read, as addresses or networks separated by commas; from anywhere "
        "else, only with METRICS_TOKEN.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="What `/metrics` may be read with from anywhere, as `Authorization: Bearer …`; at least 16 "
        "characters.",
    )
    worker_listen: str | None = Field(
        default=None,
        description="Where a worker answers `/healthz`, `/readyz` and `/metrics`, as `127.0.0.1:9100`. Without it, "
        "nowhere.",
    )
    leaving_seconds: NonNegativeFloat = Field(
        default=0.0,
        le=300.0,
        description="How long a gateway that was told to end (SIGTERM) says so at `/readyz` with 503 and still takes "
        "what comes: as long as what sends it requests needs to notice. The server reads it too.",
    )
    traces_url: str | None = Field(
        default=None,
        description="Collector that OpenTelemetry's traces are sent to, as `http://127.0.0.1:4318/v1/traces`; needs "
        "requirements-otel.txt. Without it, there are none.",
    )
    traces_share: float = Field(
        default=1.0, ge=0, le=1, description="Share of all requests that are traced, where a proxy does not decide."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")

    @field_validator(*LISTS, mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if value == ANYBODY:
            return EVERYWHERE
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("public_url", "sandbox_url")
    @classmethod
    def _is_origin(cls, value: str | None) -> str | None:
        return None if value is None else origin(value)

    @field_validator("mail_url")
    @classmethod
    def _is_mail(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value() if value else "smtp://localhost")
        if parts.scheme not in MAIL_SCHEMES or not (parts.path if parts.scheme == "file" else parts.hostname):
            raise ValueError("must begin with smtp://, smtps:// or file:///")
        return value

    @field_validator("trusted_hosts", "egress_allow")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(origin(part) for part in value)

    @field_validator("antivirus_url")
    @classmethod
    def _is_daemon(cls, value: str) -> str:
        parts = urlsplit(value)
        unix = parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1
        if not unix and not (parts.scheme == "tcp" and parts.hostname and parts.port and not parts.path):
            raise ValueError("must be unix:///path or tcp://host:port")
        return value

    @field_validator("traces_url")
    @classmethod
    def _is_collector(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("worker_listen")
    @classmethod
    def _is_listened_at(cls, value: str | None) -> str | None:
        host, _, port = (value or "127.0.0.1:0").rpartition(":")
        if not host or not port.isdecimal() or int(port) > LAST_PORT:
            raise ValueError("must be an address and a port, such as 127.0.0.1:9100")
        return value

    @field_validator("spool_url")
    @classmethod
    def _is_place(cls, value: str) -> str:
        scheme, separator, rest = value.strip().partition("://")
        if separator and (scheme not in BUCKETS or not rest.strip("/")):
            raise ValueError("must be a folder or a bucket such as s3://bucket/prefix")
        return value.strip()

    @field_validator("default_timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (KeyError, ValueError, OSError):  # not there; no name; a folder's name
            raise ValueError("must be a zone such as America/Mexico_City") from None

    @field_validator("database_url", "database_worker_url", "database_owner_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgresql+psycopg://")):
            raise ValueError("must begin with postgresql://; no other database will do")
        return value

    @model_validator(mode="after")
    def _no_demo_in_production(self) -> Self:
        if self.ventanilla_mode == "production" and self.secret_key.get_secret_value().startswith(DEMO_PREFIX):
            raise ValueError("SECRET_KEY is the demo's; make your own before going to production")
        return self

    @model_validator(mode="after")
    def _mail_is_from_somebody(self) -> Self:
        if self.mail_url is not None and not self.mail_from:
            raise ValueError("MAIL_FROM is missing: mail comes from somebody")
        return self

    @property
    def demo(self) -> bool:
        return self.ventanilla_mode == "demo"

    @property
    def origins(self) -> frozenset[str]:
        """Origins a browser may post from."""
        return frozenset((self.public_url, *self.trusted_hosts))


def origin(value: str) -> str:
    """Write an origin as browsers do; raises ValueError for what is none: with a path, nothing would ever equal it."""
    parts = urlsplit(value.strip())
    host, port = parts.hostname or "", parts.port
    if parts.scheme not in DEFAULT_PORTS or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be an address without a path, such as https://gateway.example")
    if parts.username is not None:
        raise ValueError("must be an address without a user's name")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, DEFAULT_PORTS[parts.scheme]} else "")


def load() -> Settings:
    """Read the environment; raises ConfigurationError with one line for each variable that is wrong or missing."""
    try:
        return Settings()
    except ValidationError as exc:
        raise ConfigurationError([_line(error) for error in exc.errors(include_input=False)]) from None


def _line(error: object) -> str:
    fault: dict[str, object] = dict(error)  # type: ignore[call-overload]
    where = fault["loc"]
    name = str(where[0]).upper() if isinstance(where, tuple) and where else ""
    if fault["type"] == "missing":
        description = Settings.model_fields[name.lower()].description
        return f"{name} is missing. {description}"
    if fault["type"] in {"too_short", "string_too_short"}:
        return f"{name} is too short. {Settings.model_fields[name.lower()].description}"
    text = str(fault["msg"]).removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
