"""`make container`: follow the container recipe step by step in a clean Debian, without a container engine.

Each stage has a root of its own, and each RUN is run in it as root of nothing else; in the end the image's own command
is started as the image's own user, and the image's own health check asks it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.local.place import ROOT
from app.local.processes import wait_until
from tests.ops.proxies import reserved
from tests.ops.recipe import RECIPE, Stage, Step, context, stages

#: The Debian whose Python is the base image's, and what that image has besides.
SUITE: Final = "bookworm"
BROUGHT: Final = "python3,python3-venv,ca-certificates"
#: How this machine reaches package indexes is its own affair: these settings and files of it are lent to the steps.
LENT_VARIABLES: Final = ("_proxy", "_PROXY", "PIP_CERT", "PIP_INDEX_URL", "PIP_TIMEOUT", "NODE_EXTRA_CA_CERTS")
LENT_FILES: Final = ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
#: What an engine puts into every container.
MOUNTS: Final = 'mount -t proc proc "$root/proc" && mount -t tmpfs -o mode=1777,size=64m shm "$root/dev/shm"'
#: What has no business in the image.
UNWANTED: Final = ("node_modules", "instance", "tests", ".git", "Makefile", "requirements.txt", "docs")


@dataclass(kw_only=True)
class Root:
    """A stage as far as it has come."""

    path: Path
    workdir: str = "/"
    user: str = "0:0"
    environment: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    )

    def command(self, words: list[str], environment: Mapping[str, str]) -> list[str]:
        """How those words are run in it, with processes of its own."""
        variables = [f"{name}={value}" for name, value in {**self.environment, **environment}.items()]
        inside = ["/usr/bin/env", "-i", "-C", self.workdir, *variables, *words]
        enter = f'root="$1" user="$2"; shift 2; {MOUNTS} && exec chroot --userspec="$user" "$root" "$@"'
        alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*alone, "sh", "-c", enter, "sh", str(self.path), self.user, *inside]

    def run(self, words: list[str], **environment: str) -> None:
        subprocess.run(self.command(words, environment), stdin=subprocess.DEVNULL, check=True)

    def inside(self, name: str) -> Path:
        """A path of the stage as one of this machine."""
        return self.path / (Path(self.workdir) / name).relative_to("/")


def lent() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.endswith(LENT_VARIABLES)}


def follow(stage: Stage, made: Mapping[str, Root], clean: Path, folder: Path) -> Root:
    """Do all that a stage says."""
    base = made.get(stage.base)
    root = Root(path=folder / (stage.name or "image"))
    copied(base.path if base else clean, root.path)
    if base:
        root.workdir, root.user, root.environment = base.workdir, base.user, dict(base.environment)
    for step in stage.steps:
        print(f"--- {stage.name or 'image'}: {step.verb} {step.said}", flush=True)
        one(step, root, made)
    return root


def one(step: Step, root: Root, made: Mapping[str, Root]) -> None:
    """Do one step; what only describes the image changes nothing here."""
    match step.verb:
        case "RUN":
            root.run(["/bin/sh", "-c", step.said], **lent())
        case "COPY":
            copy(step, root, made)
        case "WORKDIR":
            root.workdir = step.said
            root.inside(".").mkdir(parents=True, exist_ok=True)
        case "USER":
            root.user = step.said
        case "ENV":
            found = {name: value.replace("$PATH", root.environment["PATH"]) for name, value in step.pairs.items()}
            root.environment |= found
        case "EXPOSE" | "STOPSIGNAL" | "HEALTHCHECK" | "CMD":
            pass
        case _:
            raise SystemExit(f"{step.verb} is not known here")


def copy(step: Step, root: Root, made: Mapping[str, Root]) -> None:
    """Bring files of another stage, or those of this folder that are let through."""
    flags = [word for word in step.words if word.startswith("--from=")]
    *sources, target = [word for word in step.words if not word.startswith("--")]
    if flags:
        ((source,),) = [sources]
        copied(made[flags[0].removeprefix("--from=")].path / source.lstrip("/"), root.inside(target))
        return
    allowed = context()
    for source in sources:
        wanted = [path for path in allowed if path == Path(source) or Path(source) in path.parents]
        if not wanted:
            raise SystemExit(f"{step.said}: nothing of {source} is let through by .dockerignore")
        for path in wanted:
            below = path.relative_to(source) if path != Path(source) else Path()
            to = root.inside(target) / (path.name if target.endswith("/") and path == Path(source) else below)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, to)


def copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", "--no-target-directory", source, target], check=True)


def look(image: Root) -> None:
    """What is there that should not be, and what is not that should."""
    there = [name for name in UNWANTED if image.inside(name).exists()]
    assert not there, f"in the image, and of no use there: {there}"
    manifest, here = (
        json.loads((place / "manifest.json").read_text())
        for place in (image.inside("static/dist"), ROOT / "static" / "dist")
    )
    assert manifest.keys() == here.keys(), "the image's assets are not those that are built here"
    cut = [name for name in here if name.endswith(".css") and manifest[name] != here[name]]
    assert not cut, f"other rules were left in {cut}: the recipe does not copy what has words for them"
    for catalogue in (ROOT / "translations").rglob("*.po"):
        assert image.inside(str(catalogue.relative_to(ROOT).with_suffix(".mo"))).is_file(), catalogue
    uid = int(image.user.partition(":")[0])
    own = [path for path in image.inside(".").rglob("*") if path.lstat().st_uid == uid]
    assert not own, f"the image's user could change {own[0]}"


def start(image: Root, stage: Stage, port: int) -> None:
    """Start what the image starts, and ask as the image asks; there is no database, which is said and survived."""
    said = {step.verb: step for step in stage.steps}
    settings = {
        "SECRET_KEY": secrets.token_hex(24),
        "DATABASE_URL": "postgresql://ventanilla_app:none@127.0.0.1:1/none",
        "VAULT_KEYSET": "/var/lib/ventanilla/keyset.json",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
    }
    image.run(["flask", "vault", "create"], **settings)
    asks = Step(verb="CMD", said=said["HEALTHCHECK"].said.partition("CMD ")[2]).words
    command = image.command(asks, settings)
    with subprocess.Popen(image.command(said["CMD"].words, settings)) as server:
        try:
            healthy = wait_until(lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0, 60)
            assert healthy, "the image's health check does not pass"
            assert server.poll() is None, "the gateway has ended"
        finally:
            server.kill()  # `unshare` hears nothing less, and takes everything in it along


def main() -> None:
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise SystemExit("A clean Debian is made by root, with debootstrap: sudo apt-get install debootstrap")
    with tempfile.TemporaryDirectory(prefix="ventanilla-image-") as place:
        folder = Path(place)
        clean = Path(sys.argv[1]) if sys.argv[1:] else folder / "clean"
        if not clean.exists():
            subprocess.run(["debootstrap", "--variant=minbase", f"--include={BROUGHT}", SUITE, clean], check=True)
        for path in LENT_FILES:
            copied(Path(path).resolve(), clean / path.lstrip("/"))
        made: dict[str, Root] = {}
        found = stages(RECIPE.read_text())
        for stage in found:
            made[stage.name] = follow(stage, made, clean, folder)
        look(made[""])
        with reserved() as port:
            start(made[""], found[-1], port)
    print("Every step was followed, and what came of it answers.")


if __name__ == "__main__":
    main()
