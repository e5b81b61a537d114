"""What ops/ asks of Prometheus there is: each name, each label, and each alert on a series of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from app.database import Database, utcnow
from app.intake.spool import Spool
from app.intake.spool.local import Folder
from app.local.place import ROOT
from app.records.needs import Kind
from app.records.states import State
from app.scraping import Standing
from app.seeing import metrics

RULES: Final = ROOT / "ops/prometheus/alerts.yml"
BOARD: Final = ROOT / "ops/grafana/ventanilla.json"
PAGE: Final = ROOT / "docs/seeing.md"
#: Labels that Prometheus adds by itself.
THEIRS: Final = frozenset({"job", "instance", "le"})
#: What some labels can say, as far as ops/ selects by it.
VALUES: Final[Mapping[str, frozenset[str]]] = {
    "state": frozenset(State),
    "outcome": frozenset({"done", "failed"}),
    "kind": frozenset(Kind) | {"hand-in", "look"},
    "answer": frozenset({"2xx", "4xx", "5xx", "withdrawn"}),
}


@pytest.fixture(scope="module")
def known(database: Database, tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[str]]:
    """Every series there is, with its labels."""
    standing = Standing(database, Spool(Folder(tmp_path_factory.mktemp("spool"))), utcnow)
    found: dict[str, frozenset[str]] = {"up": frozenset()}
    for family in standing.collect():
        found[family.name] = frozenset(*({*sample.labels} for sample in family.samples[:1]))
    for collector in metrics.REGISTRY._collector_to_names:
        labels = frozenset(getattr(collector, "_labelnames", ()))
        found |= dict.fromkeys(metrics.REGISTRY._collector_to_names[collector], labels)
    return found


def rules() -> Iterator[str]:
    """What alerts ask, a line each: YAML's folded blocks are joined."""
    text = re.sub(r">-\n((?: {10}.*\n)+)", lambda block: " ".join(block[1].split()) + "\n", RULES.read_text())
    yield from re.findall(r"expr: (.+)", text)


def board() -> Iterator[str]:
    for panel in json.loads(BOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def asked(expression: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Names, and the labels by which they are selected."""
    for name, selector in re.findall(r"\b(ventanilla_\w+|up)\b(?:\{([^}]*)\})?", expression):
        yield name, dict(re.findall(r'(\w+)\s*[!=~]+\s*"([^"]*)"', selector))


def grouped(expression: str) -> set[str]:
    """Labels by which it is added up."""
    return {one.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for one in group.split(",")}


@pytest.mark.parametrize("expression", [*rules(), *board()])
def test_what_is_asked_for_is_there(expression: str, known: Mapping[str, frozenset[str]]) -> None:
    names = [*asked(expression)]
    assert names
    for name, selected in names:
        assert name in known
        assert selected.keys() <= known[name] | THEIRS
        assert grouped(expression) <= known[name] | THEIRS
        for label, pattern in selected.items():
            assert set(pattern.split("|")) <= VALUES.get(label, frozenset(pattern.split("|"))), (label, pattern)


def test_every_series_is_shown_or_watched(known: Mapping[str, frozenset[str]]) -> None:
    everything = " ".join([*rules(), *board()])
    for name in known:
        if name.endswith("_created") or name in everything:
            continue
        families = {name.removesuffix(end) for end in ("_total", "_bucket", "_count", "_sum")}
        assert any(family in everything for family in families), name


def test_no_series_names_an_organization(known: Mapping[str, frozenset[str]]) -> None:
    labels = {label for of_one in known.values() for label in of_one}
    assert labels == {"face", "method", "status", "problem", "operation", "mode", "state"} | {
        *("provider", "kind", "answer", "task", "outcome")
    }


def test_every_alert_has_its_paragraph() -> None:
    headings = {line.removeprefix("### ") for line in PAGE.read_text().splitlines() if line.startswith("### ")}
    names = set(re.findall(r"alert: (\w+)", RULES.read_text()))
    assert names == {heading for heading in headings if heading.startswith("Ventanilla")}
    assert {name.lower() for name in names} == set(re.findall(r"docs/seeing\.md#(\w+)", RULES.read_text()))


def promtool(*command: str) -> str:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: Debian has it in `prometheus`")
    done = subprocess.run(["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_rules_and_the_settings(tmp_path: Path) -> None:
    assert "15 rules found" in promtool("check", "rules", RULES.name)
    settings = (RULES.parent / "prometheus.yml").read_text().replace("/etc/prometheus/ventanilla.token", "token")
    (tmp_path / "prometheus.yml").write_text(settings)
    (tmp_path / "token").touch()
    (tmp_path / "alerts.yml").write_text(RULES.read_text())
    assert "SUCCESS" in promtool("check", "config", str(tmp_path / "prometheus.yml"))


def test_each_alert_is_raised_by_what_it_is_about_and_by_nothing_else() -> None:
    """Whatever the rules hold, alerts.test.yml tries each."""
    tried = (RULES.parent / "alerts.test.yml").read_text()
    for name in re.findall(r"alert: (\w+)", RULES.read_text()):
        assert tried.count(f"alertname: {name}") == 2, name
    promtool("test", "rules", "alerts.test.yml")


def test_the_board_can_be_imported() -> None:
    found: Any = json.loads(BOARD.read_text())
    places = [tuple(panel["gridPos"].values()) for panel in found["panels"]]
    assert len({panel["id"] for panel in found["panels"]}) == len(places) == len(set(places))
    (source,) = found["templating"]["list"]
    used = {panel["datasource"]["uid"] for panel in found["panels"]}
    assert used == {f"${{{source['name']}}}"}
    for _, width, x, _ in places:
        assert x + width <= 24
