"""The proxies' files as they lie in `ops/`, in front of two gateways; only names of places are changed in them."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.config import Settings
from app.local import processes
from app.local.place import ROOT
from tests.servers import Server, environment_of

OPS: Final = ROOT / "ops"
READY_SECONDS: Final = 30.0
#: How long a gateway says that it will end: longer than Caddy needs to hear of it.
LEAVING_SECONDS: Final = 5


@dataclass(frozen=True, kw_only=True)
class Front:
    """A proxy that runs, and the gateways behind it."""

    url: str
    #: Where it answers without TLS.
    plain_port: int
    gateways: tuple[Server, ...]
    certificate: Path
    #: Everything that it writes lies below.
    folder: Path
    child: processes.Child

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def connection(self, *, source: str = "127.0.0.1") -> http.client.HTTPSConnection:
        """A connection to it, from that address of this machine."""
        trust = ssl.create_default_context(cafile=str(self.certificate))
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=60, context=trust, source_address=(source, 0)
        )

    def written(self) -> str:
        """All that its logs say."""
        return "".join(path.read_text(errors="replace") for path in self.folder.rglob("*.log"))


@dataclass(frozen=True, kw_only=True)
class _Ground:
    """What a proxy is told of where it stands."""

    folder: Path
    port: int
    plain_port: int
    gateways: tuple[str, ...]
    certificate: Path
    key: Path


def _replaced(text: str, places: Mapping[str, str]) -> str:
    """The file for this place; what it replaces has to be there."""
    for written, here in places.items():
        assert written in text, written
        text = text.replace(written, here)
    return text


def _nginx(ground: _Ground) -> tuple[list[str], dict[str, str]]:
    """Debian's own nginx.conf reads the file in the same way, inside `http`."""
    first, second = ground.gateways
    site = ground.folder / "ventanilla.conf"
    site.write_text(
        _replaced(
            (OPS / "nginx" / "ventanilla.conf").read_text(),
            {
                "127.0.0.1:8001": first,
                "127.0.0.1:8002": second,
                "listen 80;": f"listen 127.0.0.1:{ground.plain_port};",
                "listen 443 ssl;": f"listen 127.0.0.1:{ground.port} ssl;",
                "/etc/ventanilla/tls/fullchain.pem": str(ground.certificate),
                "/etc/ventanilla/tls/privkey.pem": str(ground.key),
                "/var/log/nginx/ventanilla.log": str(ground.folder / "site.log"),
            },
        )
    )
    # The folders for bodies are not there: what would be written to one fails.
    nowhere = "".join(
        f"    {kind}_temp_path {ground.folder}/none/{kind};\n" for kind in ("client_body", "proxy", "fastcgi")
    ) + "".join(f"    {kind}_temp_path {ground.folder}/none/{kind};\n" for kind in ("uwsgi", "scgi"))
    (ground.folder / "none").mkdir()
    (ground.folder / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 2;\nuser root;\npid {ground.folder}/nginx.pid;\n"
        f"events {{ worker_connections 768; }}\nhttp {{\n{nowhere}    include {site};\n}}\n"
    )
    return ["nginx", "-c", str(ground.folder / "nginx.conf"), "-e", str(ground.folder / "start.log")], {}


def _caddy(ground: _Ground) -> tuple[list[str], dict[str, str]]:
    """Its file takes places from the environment; here the certificate is no public authority's."""
    text = (OPS / "caddy" / "Caddyfile").read_text()
    own = {
        "{\n\tadmin off\n": f"{{\n\tadmin off\n\thttp_port {ground.plain_port}\n\tdefault_bind 127.0.0.1\n",
        "{$SITE} {\n": f"{{$SITE}} {{\n\ttls {ground.certificate} {ground.key}\n",
    }
    (ground.folder / "Caddyfile").write_text(_replaced(text, own))
    environment = {
        "SITE": f"https://127.0.0.1:{ground.port}",
        "GATEWAYS": " ".join(ground.gateways),
        "HOME": str(ground.folder),
        "XDG_CONFIG_HOME": str(ground.folder),
        "XDG_DATA_HOME": str(ground.folder),
    }
    return ["caddy", "run", "--config", str(ground.folder / "Caddyfile"), "--adapter", "caddyfile"], environment


PROXIES: Final[Mapping[str, Callable[[_Ground], tuple[list[str], dict[str, str]]]]] = {
    "nginx": _nginx,
    "caddy": _caddy,
}


def is_there(name: str) -> bool:
    """Whether the system has that program; `make test` brings it where it can."""
    return shutil.which(name) is not None


@contextmanager
def standing(name: str, place: Path, settings: Settings) -> Iterator[Front]:
    """Run one in front of two gateways that are its own."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=place))  # it may be asked for again
    with ExitStack() as stack:
        port, plain_port = stack.enter_context(reserved()), stack.enter_context(reserved())
        url = f"https://127.0.0.1:{port}"
        gateways = tuple(
            stack.enter_context(standing_alone(f"gateway-{number}", folder, settings, url)) for number in (1, 2)
        )
        certificate, key = _certificate(folder)
        ground = _Ground(
            folder=folder,
            port=port,
            plain_port=plain_port,
            gateways=tuple(one.url.removeprefix("http://") for one in gateways),
            certificate=certificate,
            key=key,
        )
        command, environment = PROXIES[name](ground)
        log = stack.enter_context((folder / "output.log").open("wb"))
        child = processes.start(name, command, folder, {**os.environ, **environment}, output=log)
        stack.callback(processes.stop, [child], folder)
        front = Front(
            url=url, plain_port=plain_port, gateways=gateways, certificate=certificate, folder=folder, child=child
        )
        assert processes.wait_until(lambda: _answers(front), READY_SECONDS), front.written()
        yield front


@contextmanager
def standing_alone(name: str, place: Path, settings: Settings, url: str) -> Iterator[Server]:
    """One that holds its port alone, so that nobody answers there when it has gone."""
    folder = place / f"{name}.server"
    folder.mkdir()
    with reserved() as port, (folder / "gateway.log").open("wb") as log:
        command = [*processes.procfile(ROOT / "Procfile")["web"], "--workers", "1"]
        environment = environment_of(settings) | {
            "PUBLIC_URL": url,
            "PORT": str(port),
            "LEAVING_SECONDS": str(LEAVING_SECONDS),
        }
        child = processes.start(name, command, folder, {**os.environ, **environment}, output=log)
        server = Server(url=f"http://127.0.0.1:{port}", child=child, log_path=folder / "gateway.log")
        try:
            assert processes.wait_until(lambda: server.answers("/readyz"), READY_SECONDS), server.log()
            yield server
        finally:
            child.process.kill()  # it would take its time to leave
            processes.stop([child], folder)


def _answers(front: Front) -> bool:
    assert not front.child.ending, front.written()
    connection = front.connection()
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def reserved() -> Iterator[int]:
    """A port that is nobody else's until whoever is told of it listens there."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def _certificate(folder: Path) -> tuple[Path, Path]:
    """One that this machine's own address has, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "fullchain.pem").write_bytes(made.public_bytes(pem))
    (folder / "privkey.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return folder / "fullchain.pem", folder / "privkey.pem"
