"""What runs the gateway elsewhere says what its own formats allow, and what the gateway knows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from app.config import Settings
from app.local.place import ROOT
from app.providers.operation import GIB, MIB
from tests.ops.recipe import RECIPE, Step, context, stages

OPS: Final = ROOT / "ops"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: Final[dict[str, Any]] = COMPOSE["services"]
UNITS: Final = sorted((OPS / "systemd").glob("*.service"))
#: The oldest Kubernetes that is looked at, and the newest whose schema is here.
CLUSTERS: Final = ("1.30", kubernetes_validate.latest_version())
#: What the server, and the libraries below it, read besides.
BESIDE: Final = {"HOST", "PORT", "WEB_CONCURRENCY", "THREADS", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PATH"}
SETTINGS: Final = {name.upper() for name in Settings.model_fields}
SECRETS: Final = {name for name in SETTINGS if re.search(r"SECRET|_URL$", name)} - {
    "PUBLIC_URL",
    "SPOOL_URL",
    "SANDBOX_URL",
}
BIN: Final = Path(sys.executable).parent


def known(names: set[str]) -> bool:
    return all(name in SETTINGS | BESIDE or name.startswith("AWS_") for name in names)


def graceful_timeout() -> int:
    found = re.search(r"^graceful_timeout = (\d+)", (ROOT / "gunicorn.conf.py").read_text(), re.MULTILINE)
    assert found
    return int(found[1])  # and LEAVING_SECONDS


def least_memory(said: Mapping[str, Any]) -> int:
    """What a gateway may come to need, as docs/running.md reckons it."""
    defaults = {name.upper(): field.default for name, field in Settings.model_fields.items()}
    bounds = sum(int(said.get(name, defaults[name])) for name in ("SPOOL_BUFFER_BYTES", "INSPECTION_BYTES"))
    at_once = int(said.get("UPLOADS_IN_FLIGHT", defaults["UPLOADS_IN_FLIGHT"]))
    return 330 * MIB + int(said.get("WEB_CONCURRENCY", 2)) * (bounds + at_once * 3 * MIB // 10)


def test_where_memory_is_limited_a_gateway_finds_what_it_may_need() -> None:
    (settings,) = (one["data"] for _, one in manifests() if one["kind"] == "ConfigMap")
    pod = next(one for one in pods() if one["containers"][0]["name"] == "gateway")
    unit = directives(OPS / "systemd" / "ventanilla-gateway@.service")
    compose = SERVICES["gateway-1"]
    assert size(compose["mem_limit"]) >= least_memory(compose["environment"])
    assert compose["memswap_limit"] == compose["mem_limit"]  # none of it is swap
    assert size(pod["containers"][0]["resources"]["limits"]["memory"]) >= least_memory(settings)
    assert size(unit["MemoryHigh"]) >= least_memory({})


def size(written: str) -> int:
    """As each of the three writes bytes: 2g, 2Gi, 2G, 900M."""
    number, unit = re.fullmatch(r"(\d+)([gGmM])i?", written, re.ASCII).groups()  # type: ignore[union-attr]
    return int(number) * (GIB if unit in "gG" else MIB)


# --- compose.yaml -----------------------------------------------------------------------------------------------------


def test_compose_is_what_its_schema_allows() -> None:
    import jsonschema  # which makes dozens of grammars, in every process that collects tests

    schema = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(schema.read_text()))


def test_compose_is_two_gateways_a_worker_and_what_they_stand_on() -> None:
    ours = {name for name, service in SERVICES.items() if service["image"] == "ventanilla"}
    assert ours == {"gateway-1", "gateway-2", "worker", "setup"}
    assert SERVICES.keys() - ours == {"proxy", "database", "store", "bucket"}
    assert SERVICES["proxy"]["environment"]["GATEWAYS"].split() == ["gateway-1:8000", "gateway-2:8000"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["back"]["internal"]
    assert {name for name, service in SERVICES.items() if "front" in service.get("networks", ())} == ours | {"proxy"}


def test_compose_sets_what_there_is_and_all_that_is_needed() -> None:
    needed = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}
    for name in ("gateway-1", "gateway-2", "worker", "setup"):
        said = SERVICES[name]["environment"]
        assert known(set(said)), name
        assert said.keys() >= needed, name
        assert said["FORWARDED_ALLOW_IPS"] == COMPOSE["networks"]["front"]["ipam"]["config"][0]["subnet"]
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > graceful_timeout() + int(
            said["LEAVING_SECONDS"]
        )
    assert "DATABASE_WORKER_URL" in SERVICES["worker"]["environment"]
    assert [name for name in SERVICES if "DATABASE_OWNER_URL" in SERVICES[name].get("environment", {})] == ["setup"]


def test_every_file_that_compose_mounts_is_there() -> None:
    mounted = [one.split(":")[0] for service in SERVICES.values() for one in service.get("volumes", ())]
    assert {one for one in mounted if not one.startswith("./")} == set(COMPOSE["volumes"])
    assert all((ROOT / one).is_file() for one in mounted if one.startswith("./"))


def test_what_compose_wants_to_know_is_what_the_script_prints() -> None:
    wanted = set(re.findall(r"\$\{(\w+):\?\}", (ROOT / "compose.yaml").read_text()))
    printed = [_environment(), _environment()]
    assert all(one.keys() == wanted for one in printed)
    assert printed[0]["PUBLIC_URL"] == "https://ventanilla.example"
    secret = [name for name in wanted if name != "PUBLIC_URL"]
    assert len({one[name] for one in printed for name in secret}) == 2 * len(secret)
    assert all(re.fullmatch(r"[0-9a-f]{48}", printed[0][name]) for name in secret)
    assert ".env" in (ROOT / ".gitignore").read_text().replace("/", "").split()
    assert Path(".env") not in context()


def _environment() -> dict[str, str]:
    command = ["sh", str(OPS / "compose" / "environment.sh"), "https://ventanilla.example"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_the_scripts_are_sound_shell() -> None:
    for script in sorted((OPS / "compose").glob("*.sh")):
        checker = ["shellcheck"] if shutil.which("shellcheck") else ["sh", "-n"]
        done = subprocess.run([*checker, str(script)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


# --- Kubernetes -------------------------------------------------------------------------------------------------------


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((OPS / "kubernetes").glob("*.yaml")):
        if path.name != "kustomization.yaml":
            for one in yaml.safe_load_all(path.read_text()):
                yield path.name, one


@pytest.mark.parametrize("version", CLUSTERS)
def test_every_manifest_is_what_its_schema_allows(version: str) -> None:
    for name, manifest in manifests():
        told = manifest | {"metadata": {"name": name} | manifest["metadata"]}  # the validator wants one, not its prefix
        kubernetes_validate.validate(told, version, strict=True)


def test_the_schemas_do_refuse() -> None:
    wrong = next(manifest for _, manifest in manifests() if manifest["kind"] == "Deployment")
    wrong = wrong | {"spec": wrong["spec"] | {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, CLUSTERS[0], strict=True)


def test_all_of_them_are_applied_but_the_upgrade_which_comes_first() -> None:
    listed = yaml.safe_load((OPS / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert sorted([*listed, "upgrade.yaml"]) == sorted({name for name, _ in manifests()})


def pods() -> Iterator[dict[str, Any]]:
    for _, manifest in manifests():
        if manifest["kind"] in {"Deployment", "Job"}:
            yield manifest["spec"]["template"]["spec"]


def test_pods_run_as_the_images_user_and_may_do_nothing_else() -> None:
    (user,) = (step.said for step in stages(RECIPE.read_text())[-1].steps if step.verb == "USER")
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == user
        assert pod["automountServiceAccountToken"] is False
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            told = container["securityContext"]
            assert told["readOnlyRootFilesystem"]
            assert not told["allowPrivilegeEscalation"]
            assert told["capabilities"] == {"drop": ["ALL"]}


def test_a_gateway_has_the_time_that_it_needs_to_end() -> None:
    gateway, worker = (one for one in pods() if "terminationGracePeriodSeconds" in one)
    (said,) = (one["data"] for _, one in manifests() if one["kind"] == "ConfigMap")
    assert gateway["terminationGracePeriodSeconds"] > graceful_timeout() + int(said["LEAVING_SECONDS"])
    assert worker["terminationGracePeriodSeconds"] > 0


def test_the_settings_there_are_known_and_no_secrets() -> None:
    (said,) = (one["data"] for _, one in manifests() if one["kind"] == "ConfigMap")
    assert known(set(said))
    assert not said.keys() & SECRETS
    assert all(one["kind"] != "Secret" for _, one in manifests())


# --- systemd ----------------------------------------------------------------------------------------------------------


def directives(unit: Path) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in unit.read_text().splitlines() if re.match(r"[A-Z]\w*=", line))


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there, so that units are not checked by it"
)


@needs_systemd
def test_every_unit_is_what_systemd_reads(tmp_path: Path) -> None:
    for unit in UNITS:
        here = unit.read_text().replace("/opt/ventanilla/.venv/bin", str(BIN)).replace("/opt/ventanilla", str(ROOT))
        (tmp_path / unit.name).write_text(here)
    named = [str(tmp_path / unit.name.replace("@.", "@8001.")) for unit in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *named], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_every_unit_is_closed_as_far_as_it_can_be(unit: Path) -> None:
    """20 of 100 is what systemd itself calls a service that is exposed little."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_units_start_what_there_is_and_wait_for_its_end() -> None:
    for unit in UNITS:
        told = directives(unit)
        program, *_ = told["ExecStart"].split()
        assert (BIN / Path(program).name).is_file()
        assert told["MemorySwapMax"] == told["LimitCORE"] == "0"
        if told["Type"] != "oneshot":
            leaving = re.search(r"LEAVING_SECONDS=(\d+)", told["Environment"])
            assert int(told["TimeoutStopSec"]) > graceful_timeout() + int(leaving[1] if leaving else 0)


# --- the container recipe ---------------------------------------------------------------------------------------------


def test_a_linter_has_nothing_to_say_about_the_recipe() -> None:
    done = subprocess.run([BIN / "hadolint", RECIPE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def copies() -> Iterator[Step]:
    """What every stage brings from this folder."""
    for stage in stages(RECIPE.read_text()):
        yield from (step for step in stage.steps if step.verb == "COPY" and not step.said.startswith("--from="))


def test_what_the_recipe_copies_is_let_through_and_nothing_secret_is() -> None:
    through = context()
    for step in copies():
        for source in step.words[:-1]:
            assert any(path == Path(source) or Path(source) in path.parents for path in through), source
    roots = {path.parts[0] for path in through}
    assert not roots & {"instance", ".git", ".venv", "node_modules", "tests", "docs", ".env"}
    assert not any("__pycache__" in path.parts or path.suffix == ".mo" for path in through)


def test_what_assets_are_made_from_is_in_the_stage_that_makes_them() -> None:
    (stage,) = (one for one in stages(RECIPE.read_text()) if one.name == "assets")
    copied = {word for step in stage.steps if step.verb == "COPY" for word in step.words[:-1]}
    (content,) = re.findall(r"content: \[([^\]]+)\]", (ROOT / "build.mjs").read_text())
    for pattern in re.findall(r'"([^"]+)"', content):
        folder = Path(pattern.partition("*")[0])
        assert any(folder == Path(one) or Path(one) in folder.parents for one in copied), pattern
