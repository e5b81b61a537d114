"""Forms on others' pages: in a real browser that keeps no cookie for them, framed by who may and by nobody else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.config import Settings
from app.local.place import ROOT
from app.portal import framing, headers
from app.records.states import State
from app.sandbox.sat import Issued
from app.tenants.models import Form
from tests.acceptance.browser import launch
from tests.acceptance.counter import NOTICE, Counter
from tests.acceptance.customer import Page as Read
from tests.acceptance.hosting import TITLE, Host, hosting
from tests.checks.cases import Files

pytestmark = [pytest.mark.live]

languages = pytest.mark.parametrize("language", ["es", "en"])
SENT = {"es": "Llegó", "en": "It arrived"}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with hosting() as made:
        yield made


@pytest.fixture(scope="module")
def stranger() -> Iterator[Host]:
    with hosting() as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One that blocks third-party cookies."""
    with sync_playwright() as playwright, launch(playwright, "--test-third-party-cookie-phaseout") as made:
        yield made


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A page with the form in it, and what the browser complained of."""

    page: Page
    complaints: list[str]

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    def fill(self, paths: dict[str, Path], password: str) -> None:
        self.frame.locator("#cer").set_input_files(paths["csd.cer"])
        self.frame.locator("#key").set_input_files(paths["csd.key"])
        self.frame.locator("#password").fill(password)
        self.frame.locator("#notice").check()
        self.frame.locator("button.send").click()


@contextmanager
def visiting(browser: Browser, address: str, *, scripts: bool = True) -> Iterator[Visit]:
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": 900, "height": 700})
    complaints: list[str] = []
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        page.goto(address)
        yield Visit(page=page, complaints=complaints)
        assert context.cookies() == [], "nothing was kept for the gateway"
    finally:
        context.close()


@pytest.fixture
def framed(counter: Counter, host: Host) -> Counter:
    """A counter whose form may be framed by the host's pages."""
    allow(counter, host.url)
    return counter


def allow(counter: Counter, *origins: str) -> None:
    with Session(counter.world.owner) as session, session.begin():
        session.execute(update(Form).values(settings={"frame_origins": list(origins)}))


def inside(counter: Counter, language: str = "es", what: str = "") -> str:
    """Where the form is for other pages."""
    return f"{counter.world.gateway.url}/embedded/{language}/{what or f'f/{counter.form.public_id}'}"


def script_of(counter: Counter) -> str:
    return f"{counter.world.gateway.url}/embed.js"


@languages
def test_it_is_handed_in_from_another_site(
    language: str, browser: Browser, framed: Counter, host: Host, csd: Issued, paths: dict[str, Path]
) -> None:
    with visiting(browser, host.show(inside(framed, language), script=script_of(framed))) as visit:
        expect(visit.frame.locator("html")).to_have_attribute("lang", language)
        visit.fill(paths, csd.password)
        expect(visit.frame.locator("h1")).to_have_text(SENT[language])
        expect(visit.frame.locator("html")).to_have_attribute("lang", language)
        assert framed.upload.state == State.DELIVERED
        visit.page.wait_for_function("seen.length === 2")
        first, second = visit.page.evaluate("seen")
        assert first == [TITLE, "page", {"page": "form", "state": None}]
        assert second == [TITLE, "page", {"page": "outcome", "state": "delivered"}]
        assert {origin for origin, _ in visit.page.evaluate("heard")} == {framed.world.gateway.url}
        assert visit.complaints == []


def test_the_frame_is_as_high_as_what_is_in_it(browser: Browser, framed: Counter, host: Host) -> None:
    with visiting(browser, host.show(inside(framed), script=script_of(framed))) as visit:
        content = visit.page.frames[1]

        def fits() -> bool:
            high: int = visit.page.evaluate("document.querySelector('iframe').clientHeight")
            needed: float = content.evaluate("document.documentElement.getBoundingClientRect().height")
            return needed <= high < needed + 2

        visit.page.wait_for_function("heard.some(([, name]) => name === 'height')")
        until(visit.page, fits)
        visit.frame.locator("summary").first.click()
        until(visit.page, fits)
        visit.page.set_viewport_size({"width": 400, "height": 700})
        until(visit.page, fits)
        assert content.evaluate("document.documentElement.scrollWidth") <= 400


def until(page: Page, so: Callable[[], bool]) -> None:
    """Wait for the browser until it is so."""
    for _ in range(400):
        if so():
            return
        page.evaluate("new Promise(requestAnimationFrame)")
    pytest.fail("it did not become so")


def test_a_frame_that_is_added_later_is_seen_too(browser: Browser, framed: Counter, host: Host) -> None:
    address = host.show(inside(framed), script=script_of(framed))
    with visiting(browser, address) as visit:
        visit.page.wait_for_function("seen.length === 1")
        visit.page.evaluate("document.body.append(document.querySelector('iframe').cloneNode())")
        visit.page.evaluate("document.body.lastElementChild.scrollIntoView()")  # it loads as it is come near
        visit.page.wait_for_function("seen.length === 2")


def test_without_scripts_in_a_language_that_is_chosen_there(
    browser: Browser, framed: Counter, host: Host, csd: Issued, paths: dict[str, Path]
) -> None:
    with visiting(browser, host.show(inside(framed)), scripts=False) as visit:
        visit.frame.get_by_role("link", name="English").click()
        expect(visit.frame.locator("html")).to_have_attribute("lang", "en")
        visit.fill(paths, csd.password)
        expect(visit.frame.locator("h1")).to_have_text(SENT["en"])
        assert framed.upload.state == State.DELIVERED
        visit.frame.get_by_role("link", name="Español").click()
        expect(visit.frame.locator("h1")).to_have_text(SENT["es"])


def test_what_is_wrong_is_said_in_the_frame(
    browser: Browser, framed: Counter, host: Host, paths: dict[str, Path]
) -> None:
    with visiting(browser, host.show(inside(framed), script=script_of(framed))) as visit:
        visit.fill(paths, "not the password")
        expect(visit.frame.locator("[role=alert]")).to_be_visible()
        expect(visit.frame.locator("#password")).to_be_focused()
        # What is wrong is far down in a frame that is as high as the form; the page around it goes there.
        visit.page.wait_for_function("seen.length === 2")
        expect(visit.frame.locator("#password-error")).to_be_in_viewport(ratio=1)
        expect(visit.frame.locator("#password")).to_be_in_viewport(ratio=1)


def shut(visit: Visit) -> bool:
    """Whether the browser shows nothing of ours, once it has said why."""
    until(visit.page, lambda: any("frame-ancestors" in said for said in visit.complaints))
    return not visit.page.evaluate("seen.length")


@pytest.mark.attack(
    "browsers", "a page that frames a form without being named (clickjacking)", "the browser shows nothing"
)
def test_who_is_not_named_frames_nothing(browser: Browser, framed: Counter, host: Host, stranger: Host) -> None:
    script = script_of(framed)
    with visiting(browser, stranger.show(inside(framed), script=script)) as visit:
        assert shut(visit)
        assert not any(origin == framed.world.gateway.url for origin, _ in visit.page.evaluate("heard"))
    with visiting(browser, host.show(inside(framed), script=script)) as visit:
        expect(visit.frame.locator("h1")).to_be_visible()


@pytest.mark.attack("browsers", "a stranger's page around one that may frame a form", "the browser shows nothing")
def test_nor_does_a_stranger_around_a_page_that_is_named(
    browser: Browser, framed: Counter, host: Host, stranger: Host
) -> None:
    page = host.show(inside(framed), script=script_of(framed))
    with visiting(browser, stranger.show(page)) as visit:
        assert shut(visit)


@pytest.mark.attack("browsers", "a page that frames what is for no frame", "the browser shows nothing")
def test_what_a_form_is_on_its_own_is_framed_by_nobody(browser: Browser, framed: Counter, host: Host) -> None:
    for address in (framed.address, framed.link(), f"{framed.world.gateway.url}/verify"):
        with visiting(browser, host.show(address)) as visit:
            assert shut(visit), address


def test_a_form_that_names_nobody_is_not_embedded(counter: Counter) -> None:
    answer = get(inside(counter))
    assert answer.status == 403
    assert "no se muestra dentro de otras páginas" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_page_that_isolates_itself_frames_it_too(browser: Browser, framed: Counter, host: Host) -> None:
    isolated = {"Cross_Origin_Embedder_Policy": "require-corp", "Cross_Origin_Opener_Policy": "same-origin"}
    address = host.show(inside(framed), script=script_of(framed), **isolated)
    with visiting(browser, address) as visit:
        assert visit.page.evaluate("crossOriginIsolated")
        expect(visit.frame.locator("h1")).to_be_visible()
        visit.page.wait_for_function("seen.length === 1")


def test_a_personal_link_is_framed_and_one_with_a_passphrase_opens_apart(
    browser: Browser, framed: Counter, host: Host, csd: Issued, paths: dict[str, Path]
) -> None:
    token = framed.link().rpartition("/")[2]
    with visiting(browser, host.show(inside(framed, what=f"l/{token}"))) as visit:
        visit.fill(paths, csd.password)
        expect(visit.frame.locator("h1")).to_have_text(SENT["es"])
    guarded = framed.link(passphrase="camarón dormido").rpartition("/")[2]
    with visiting(browser, host.show(inside(framed, what=f"l/{guarded}"))) as visit:
        apart = visit.frame.get_by_role("link", name="Abrir esa página")
        expect(apart).to_have_attribute("href", f"/l/{guarded}")
        expect(apart).to_have_attribute("target", "_blank")
        expect(visit.frame.locator("form")).to_have_count(0)


def get(address: str, **headers: str) -> Read:
    return Read.of(requests.get(address, headers=headers, timeout=30))


def test_only_its_own_addresses_say_that_it_may_be_framed(framed: Counter, host: Host) -> None:
    answer = get(inside(framed))
    assert f"frame-ancestors {host.url};" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Set-Cookie" not in answer.headers
    plain = get(framed.address)
    assert "frame-ancestors 'none';" in plain.headers["Content-Security-Policy"]
    assert plain.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    same = {"Content-Security-Policy", "Cross-Origin-Resource-Policy", "Cross-Origin-Embedder-Policy"}
    for name in (
        set(plain.headers) - same - {"Set-Cookie", "Vary", "Date", "Content-Length", "X-Request-ID", "X-Robots-Tag"}
    ):
        assert answer.headers[name] == plain.headers[name], name
    script = get(script_of(framed))
    assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert script.headers["Cache-Control"] == "public, max-age=3600"
    assert script.headers["Content-Type"].startswith("text/javascript")


def nonce(settings: Settings, about: str, age: timedelta) -> str:
    """One as the gateway makes them, of that age."""

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(super().get_timestamp() - age.total_seconds())

    digest = {"digest_method": hashlib.sha256}
    signer = URLSafeTimedSerializer(
        settings.secret_key.get_secret_value(), salt=framing.SALT, signer=Earlier, signer_kwargs=digest
    )
    return str(signer.dumps([about, "x"]))


@pytest.mark.attack("browsers", "an embedded form's nonce, at another form", "refused")
@pytest.mark.parametrize("token", ["none", "of another form", "of a session", "changed", "too old"])
def test_its_nonce_is_taken_for_its_form_alone(
    token: str, framed: Counter, host: Host, open_counter: Callable[..., Counter], csd: Issued, settings: Settings
) -> None:
    own = get(inside(framed)).hidden()
    other = open_counter(slug="other")
    allow(other, host.url)
    framed.world.sandbox.seed(facturapi={"user_keys": [], "organizations": [framed.provider_entry]})
    given = {
        "none": "",
        "of another form": get(inside(other)).hidden()["csrf_token"],
        "of a session": get(framed.address).hidden()["csrf_token"],
        "changed": own["csrf_token"].swapcase(),
        "too old": nonce(settings, f"form:{framed.form.id}", headers.PAGE_LIFE + timedelta(minutes=1)),
    }[token]

    def send(token: str) -> Read:
        return framed.customer().send(
            inside(framed),
            files={"cer": csd.cer, "key": csd.key},
            fields={**own, "csrf_token": token, "notice": NOTICE, "password": csd.password},
        )

    assert send(given).status == 403
    assert framed.puts == []
    taken = send(nonce(settings, f"form:{framed.form.id}", headers.PAGE_LIFE - timedelta(minutes=1)))
    assert (taken.status, len(framed.puts)) == (200, 1)
    assert "/embedded/es/o/" in taken.address


def test_a_session_s_page_takes_no_nonce(framed: Counter, csd: Issued) -> None:
    own = get(inside(framed)).hidden()
    page = framed.customer().send(
        framed.address, files={"cer": csd.cer, "key": csd.key}, fields={**own, "password": csd.password}
    )
    assert page.status == 403


@pytest.mark.attack("browsers", "another origin that listens to an embedded form", "it hears nothing")
@pytest.mark.parametrize("name", ["framed.js", "embed.js"])
def test_messages_are_for_one_origin(name: str) -> None:
    sent = re.findall(r"postMessage\((.*)\)", (ROOT / "static/js" / name).read_text())
    assert len(sent) == 1
    assert sent[0].rpartition(", ")[2] in {"host", "home"}


def test_an_outcome_is_framed_by_whom_its_form_names(framed: Counter, host: Host, stranger: Host, csd: Issued) -> None:
    page = framed.hand_in(csd_files(csd), address=inside(framed))
    assert re.search(r"/embedded/es/o/[\w-]{32}$", page.address)
    assert f"frame-ancestors {host.url};" in page.headers["Content-Security-Policy"]
    allow(framed, stranger.url)
    assert f"frame-ancestors {stranger.url};" in get(page.address).headers["Content-Security-Policy"]
    allow(framed)
    assert get(page.address).status == 403


def csd_files(csd: Issued) -> Files:
    return Files(cer=csd.cer, key=csd.key, password=csd.password)
