"""Files in pieces from a real browser: large ones, cut off and taken up again, several at once, and for everybody."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from app.config import Settings
from app.database import Database
from app.local import processes
from app.local.place import ROOT
from app.records.states import State
from app.tenants.models import Form, Organization
from app.tenants.vault import Vault
from tests.acceptance.browser import examine, visit, visit_to_examine
from tests.acceptance.hosting import hosting
from tests.acceptance.tray import PATIENT, SAMPLE, SLOW, Counter, Customer, add_form, at, reach, sha256
from tests.acceptance.walking import ZOOMED, read, walk
from tests.relay.files import EICAR, csv, pdf
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION
from tests.resumable.splitter import CUT_AFTER, Splitter
from tests.resumable.test_nodes import kill_midway
from tests.servers import Sandbox, Server, environment_of

pytestmark = [pytest.mark.live]

LARGE = 20_000_000
NOTICE = "2026-01"


@pytest.fixture(scope="module", autouse=True)
def worker(place: Path, settings: Settings) -> Iterator[None]:
    """Delivers what waits, from the spool that it shares with the gateway."""
    folder = place / "worker-of-browser"
    folder.mkdir()
    command = processes.procfile(ROOT / "Procfile")["worker"]
    with (folder / "worker.log").open("wb") as log:
        child = processes.start("worker", command, folder, environment_of(settings), output=log)
    yield
    processes.stop([child], folder)


@pytest.fixture
def counter(gateway: Server, sandbox: Sandbox, database: Database, vault: Vault, owner_engine: Engine) -> Counter:
    house = House.build(gateway, sandbox, database, vault)
    with Session(owner_engine) as session, session.begin():
        mine = update(Organization).where(Organization.id == house.organization.id)
        session.execute(mine.values(notice_version=NOTICE, locale="es", contact="ayuda@acme.example"))
    with database.transaction(house.organization.id) as session:
        form = add_form(session, house, SAMPLE.operation)
    return Counter(house=house, owner=owner_engine, form=form)


def test_in_a_frame_of_another_site(
    browser: Browser, counter: Counter, owner_engine: Engine, table: Callable[..., Path]
) -> None:
    path, home = table("ventas.csv"), counter.house.gateway.url
    with hosting() as host, Session(owner_engine) as session, session.begin():
        settings = {"frame_origins": [host.url]}
        session.execute(update(Form).where(Form.id == counter.form.id).values(settings=settings))
        session.commit()
        address = host.show(f"{home}/embedded/es/f/{counter.form.public_id}", script=f"{home}/embed.js")
        context = browser.new_context()
        try:
            page = context.new_page()
            page.goto(address)
            frame = page.frame_locator("iframe")
            frame.locator(".uppy-Dashboard-input").first.set_input_files(path)
            frame.locator("#notice").check()
            frame.locator("button.send").click()
            expect(frame.locator(".handed .state")).to_have_text("entregado", timeout=PATIENT)
            assert page.evaluate("seen.map(([, name]) => name)") == ["page", "handed-in"]
            assert counter.arrived == [sha256(path)]
            assert context.cookies() == []
        finally:
            context.close()


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes a table of a size; what is in it is not the same twice."""

    def write(name: str, size: int = 2_000, *, spoilt: bool = False) -> Path:
        path = tmp_path / name
        path.write_bytes(f"{name},b\n".encode() + csv(size)[4:] + (EICAR if spoilt else b""))
        return path

    return write


def test_a_large_file_arrives_whole(browser: Browser, counter: Counter, table: Callable[..., Path]) -> None:
    path = table("ventas.csv", LARGE)
    with at(browser, counter.address) as customer:
        customer.choose(path)
        customer.send()
        expect(customer.row("ventas.csv").locator(".state")).to_have_text("entregado", timeout=PATIENT)
        expect(customer.page.locator("form[data-resumable]")).to_be_hidden()
        expect(customer.page.locator("#handed")).to_be_focused()
        customer.row("ventas.csv").get_by_role("link").click()
        expect(customer.page.locator("h1")).to_have_text("Llegó")
    assert counter.arrived == [sha256(path)]
    assert counter.uploads["ventas.csv"].state is State.DELIVERED
    assert counter.uploads["ventas.csv"].notice_version == NOTICE


def test_over_a_line_that_breaks_and_through_a_node_that_dies_it_arrives_whole(
    browser: Browser, counter: Counter, table: Callable[..., Path], place: Path, settings: Settings
) -> None:
    path = table("ventas.csv", 3 << 20)
    command = [*processes.procfile(ROOT / "Procfile")["web"], "--bind", "fd://{fd}", "--workers", "1"]
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, ExitStack() as running:
        url = "http://{}:{}".format(*listener.getsockname())
        environment = environment_of(settings) | {"PUBLIC_URL": url}
        one, other = (
            running.enter_context(Server.running(name, command, place, environment, ready="/readyz"))
            for name in ("pieces-1", "pieces-2")
        )
        splitter = Splitter.at(listener, one.url, other.url)
        dying = threading.Thread(target=kill_midway, args=(splitter, other))
        with at(browser, f"{url}/f/{counter.form.public_id}") as customer:
            dying.start()
            customer.choose(path)
            customer.send()
            expect(customer.row("ventas.csv").locator(".state")).to_have_text("entregado", timeout=PATIENT)
            dying.join()
            offsets = customer.offsets
    assert splitter.cuts >= (3 << 20) // CUT_AFTER - 1
    assert offsets == sorted(offsets)
    assert offsets[-1] > 0
    assert counter.arrived == [sha256(path)]


def test_without_a_connection_it_waits_for_one(browser: Browser, counter: Counter, table: Callable[..., Path]) -> None:
    paths = [table(f"{month}.csv", 4_000_000) for month in ("enero", "febrero", "marzo", "abril")]
    with at(browser, counter.address) as customer:
        customer.network(bytes_a_second=SLOW)
        customer.choose(*paths)  # one more than are sent at once
        customer.send()
        customer.wait_until_some_arrived()
        customer.page.context.set_offline(True)
        expect(customer.page.locator("[data-tray-status]")).to_contain_text("No hay conexión")
        customer.page.context.set_offline(False)
        customer.network()
        expect(customer.page.locator("[data-tray-status]")).to_be_hidden()
        for path in paths:
            expect(customer.row(path.name).locator(".state")).to_have_text("entregado", timeout=PATIENT)
    assert counter.arrived == sorted(map(sha256, paths))


def test_a_page_that_was_loaded_anew_goes_on_where_it_stopped(
    browser: Browser, counter: Counter, table: Callable[..., Path]
) -> None:
    path, small = table("ventas.csv", LARGE), table("abril.csv")
    with at(browser, counter.address) as customer:
        customer.choose(small)
        customer.send()
        expect(customer.row("abril.csv").locator(".state")).to_have_text("entregado", timeout=PATIENT)
        customer.page.get_by_role("button", name="Entregar más").click()
        customer.network(bytes_a_second=SLOW)
        customer.choose(path)
        customer.send()
        customer.wait_until_some_arrived()
        customer.page.reload()
        customer.network()
        expect(customer.page.locator("[data-tray-status]")).to_contain_text("ventas.csv")
        kept = customer.page.evaluate("JSON.stringify(localStorage)")
        before = len(customer.offsets)
        customer.choose(path)
        customer.send()
        expect(customer.row("ventas.csv").locator(".state")).to_have_text("entregado", timeout=PATIENT)
        offsets = customer.offsets[before:]
        left = customer.page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('ventanilla:'))")
    assert counter.arrived == sorted([sha256(path), sha256(small)])
    assert offsets
    assert all(offsets)
    assert "ventas" not in kept
    assert left == []


def test_of_three_at_once_the_one_that_is_refused_says_why(
    browser: Browser, counter: Counter, table: Callable[..., Path]
) -> None:
    good, bad = [table("enero.csv"), table("marzo.csv", 300_000)], table("febrero.csv", spoilt=True)
    with at(browser, counter.address) as customer:
        customer.choose(good[0], bad, good[1])
        customer.send()
        for path in good:
            expect(customer.row(path.name).locator(".state")).to_have_text("entregado", timeout=PATIENT)
        expect(customer.row("febrero.csv").locator(".state")).to_have_text("rechazado")
        expect(customer.row("febrero.csv").locator(".why")).not_to_be_empty()
        addresses = [customer.row(path.name).get_by_role("link").get_attribute("href") for path in (*good, bad)]
        customer.page.reload()
        expect(customer.row("febrero.csv").locator(".state")).to_have_text("rechazado")
    assert len(set(addresses)) == 3
    assert counter.arrived == sorted(sha256(path) for path in good)
    assert counter.uploads["febrero.csv"].state is State.REJECTED


def test_what_the_form_asks_for_goes_with_each_file(browser: Browser, counter: Counter, tmp_path: Path) -> None:
    paths = [tmp_path / "contrato.pdf", tmp_path / "anexo.pdf"]
    for number, path in enumerate(paths):
        path.write_bytes(pdf(20_000 + number))
    with counter.house.database.transaction(counter.house.organization.id) as session:
        form = add_form(session, counter.house, "factify/document")
    with at(browser, f"{counter.house.gateway.url}/f/{form.public_id}") as customer:
        customer.page.fill("#title", "Contrato marco, año 2026")
        customer.choose(*paths)
        customer.send()
        for path in paths:
            expect(customer.row(path.name).locator(".state")).to_have_text("entregado", timeout=PATIENT)
    arrived = BY_OPERATION["factify/document"].arrivals(counter.house, complete=True)
    hashes = [part["sha256"] for entry in arrived for part in entry["parts"] if part["filename"]]
    assert sorted(hashes) == sorted(map(sha256, paths))
    titles = [part["sha256"] for entry in arrived for part in entry["parts"] if part["name"] == "title"]
    assert titles == 2 * [hashlib.sha256("Contrato marco, año 2026".encode()).hexdigest()]


def test_what_is_missing_is_asked_for_before_the_first_file_goes(
    browser: Browser, counter: Counter, table: Callable[..., Path]
) -> None:
    with at(browser, counter.address) as customer:
        customer.page.locator("button.send").click()
        expect(customer.page.locator("#notice-error")).not_to_be_empty()
        expect(customer.page.locator("#notice")).to_be_focused()
        expect(customer.page.locator("#tray-error")).not_to_be_empty()
        customer.page.check("#notice")
        customer.page.locator("button.send").click()
        expect(customer.page.locator(".uppy-Dashboard-browse").first).to_be_focused()
        customer.choose(table("enero.csv"))
        expect(customer.page.locator("#tray-error")).to_be_empty()
        assert not [one for one in customer.requests if "/files" in one.url]


def test_what_is_not_taken_is_said_in_our_words_when_it_is_chosen(
    browser: Browser, counter: Counter, table: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "vacio.csv").touch()
    with at(browser, counter.address) as customer:
        customer.choose(table("programa.exe"), tmp_path / "vacio.csv", table("enero.csv"))
        told = customer.page.locator("[data-tray-status] li")
        expect(told).to_have_text([re.compile("programa.exe: No es de los tipos"), re.compile("vacio.csv: .*vacío")])
        expect(customer.page.locator(".uppy-Dashboard-Item")).to_have_count(1)
        customer.choose(table("febrero.csv"))
        expect(told).to_have_count(0)


def test_it_is_paused_and_goes_on(browser: Browser, counter: Counter, table: Callable[..., Path]) -> None:
    path = table("ventas.csv", LARGE)
    with at(browser, counter.address) as customer:
        customer.network(bytes_a_second=SLOW)
        customer.choose(path)
        customer.send()
        customer.wait_until_some_arrived()
        customer.page.get_by_role("button", name="Pausar", exact=True).click()
        expect(customer.page.locator(".uppy-StatusBar-statusPrimary")).to_contain_text("En pausa")
        customer.network()
        customer.page.get_by_role("button", name="Seguir", exact=True).click()
        expect(customer.row("ventas.csv").locator(".state")).to_have_text("entregado", timeout=PATIENT)
        assert all(customer.offsets[1:])
    assert counter.arrived == [sha256(path)]


def test_what_is_taken_out_is_given_up(browser: Browser, counter: Counter, table: Callable[..., Path]) -> None:
    with at(browser, counter.address) as customer:
        customer.network(bytes_a_second=SLOW)
        customer.choose(table("ventas.csv", LARGE))
        customer.send()
        customer.wait_until_some_arrived()
        with customer.page.expect_response(lambda answer: answer.request.method == "DELETE") as given_up:
            customer.page.get_by_role("button", name="Quitar todos").first.click()
        expect(customer.page.locator("[data-tray-status]")).to_contain_text("Lo detuviste")
        expect(customer.page.locator("button.send")).to_have_text("Enviar")
    assert given_up.value.status == 204
    assert counter.arrived == []
    assert counter.uploads == {}


def test_through_a_link_no_more_is_taken_than_it_is_for(
    browser: Browser, counter: Counter, table: Callable[..., Path]
) -> None:
    with at(browser, counter.link(max_uses=2)) as customer:
        customer.choose(table("enero.csv"), table("febrero.csv"), table("marzo.csv"))
        expect(customer.page.locator("[data-tray-status]")).to_contain_text("solo se pueden entregar 2 archivos")
        customer.choose(table("enero.csv"), table("febrero.csv"))
        customer.send()
        expect(customer.row("febrero.csv").locator(".state")).to_have_text("entregado", timeout=PATIENT)
        expect(customer.row("enero.csv").locator(".state")).to_have_text("entregado", timeout=PATIENT)
    assert len(counter.arrived) == 2


def test_a_link_for_one_file_speaks_of_one(browser: Browser, counter: Counter, table: Callable[..., Path]) -> None:
    with at(browser, counter.link(max_uses=1), width=1280) as customer:
        expect(customer.page.get_by_role("button", name="Elegir archivo", exact=True)).to_be_visible()
        customer.choose(table("enero.csv"))
        customer.send()
        expect(customer.row("enero.csv").locator(".state")).to_have_text("entregado", timeout=PATIENT)
        expect(customer.page.get_by_role("button", name="Entregar más")).to_have_count(0)
    assert len(counter.arrived) == 1


def test_a_refusal_of_the_form_is_shown_beside_its_file(
    browser: Browser, counter: Counter, table: Callable[..., Path]
) -> None:
    with at(browser, counter.address) as customer:
        customer.choose(table("enero.csv"))
        with Session(counter.owner) as session, session.begin():
            session.execute(update(Form).where(Form.id == counter.form.id).values(open=False))
        customer.send()
        expect(customer.row("enero.csv").locator(".state")).to_have_text("rechazado")
        expect(customer.row("enero.csv").locator(".why")).to_contain_text("formulario")
        expect(customer.row("enero.csv").get_by_role("link")).to_have_count(0)


@pytest.mark.parametrize("way", ["no scripts", "a script that does not come", "asked for"])
def test_the_plain_form_is_there_for_all_others(
    way: str, browser: Browser, counter: Counter, table: Callable[..., Path]
) -> None:
    path = table("enero.csv")
    with visit(browser, f"{counter.address}?lang=es", scripts=way != "no scripts") as page:
        if way == "a script that does not come":
            page.route("**/resumable-*.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
            page.reload()
        if way == "asked for":
            page.get_by_role("button", name="campo sencillo").click()
            expect(page.locator("#file")).to_be_focused()
        expect(page.locator("[data-tray]:visible")).to_have_count(0)
        page.check("#notice")
        page.set_input_files("#file", path)
        page.locator("button.send").click()
        expect(page.locator("h1")).to_have_text("Llegó", timeout=PATIENT)
    assert counter.arrived == [sha256(path)]


def test_the_keyboard_is_enough(browser: Browser, counter: Counter, table: Callable[..., Path]) -> None:
    with at(browser, counter.address, width=1280) as customer:
        page = customer.page
        page.on(
            "filechooser", lambda _: None
        )  # choosers are the driver's from here on, not only once one is waited for
        page.focus("#notice")
        page.keyboard.press("Space")
        reach(page, ".uppy-Dashboard-browse")
        with page.expect_file_chooser() as choosing:
            page.keyboard.press("Enter")
        choosing.value.set_files([table("enero.csv"), table("febrero.csv")])
        expect(page.locator(".uppy-Dashboard-Item")).to_have_count(2)
        reach(page, ".uppy-Dashboard-Item-action--remove")
        page.keyboard.press("Enter")
        expect(page.locator(".uppy-Dashboard-Item")).to_have_count(1)
        reach(page, "button.send")
        page.keyboard.press("Enter")
        expect(page.locator("#handed")).to_be_focused()
        expect(page.locator(".handed a")).to_be_visible()
        reach(page, ".handed a")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Llegó")


@pytest.mark.parametrize("language", ["es", "en"])
def test_everybody_can_use_it(language: str, browser: Browser, counter: Counter, table: Callable[..., Path]) -> None:
    with visit_to_examine(browser, counter.address, language) as page:
        customer = Customer(page=page)
        expect(page.locator(".uppy-Dashboard-browse").first).to_be_visible()
        page.set_viewport_size(ZOOMED)
        walk(page)
        read(page)
        examine(page, language)
        page.locator("button.send").click()
        expect(page.locator("#tray-error")).not_to_be_empty()
        customer.choose(table("enero.csv"), table("febrero.csv", spoilt=True), table("c.exe"), table("d.csv", LARGE))
        expect(page.locator("[data-tray-status] li")).to_have_count(1)
        examine(page, language)
        customer.network(bytes_a_second=SLOW)
        customer.send()
        expect(customer.row("febrero.csv").locator(".state.bad")).to_be_visible()
        expect(customer.row("enero.csv").locator(".state.good")).to_be_visible()
        examine(page, language)
        customer.network()
        expect(page.locator(".handed.end")).to_be_visible()
        expect(customer.row("d.csv").locator(".state.good")).to_be_visible()
        examine(page, language)


def test_who_asks_for_stillness_gets_it(browser: Browser, counter: Counter) -> None:
    with at(browser, counter.address) as customer:
        customer.page.emulate_media(reduced_motion="reduce")
        moving = customer.page.locator(".uppy-Root *").evaluate_all(
            "all => all.filter(one => parseFloat(getComputedStyle(one).transitionDuration) > 0).length"
        )
    assert moving == 0
