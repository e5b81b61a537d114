"""A customer with a browser that has no scripts: opens a form, hands in, reads the page that comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import requests
from bs4 import BeautifulSoup, Tag

#: What a browser says of a file it does not know.
OCTETS = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as a person reads it."""

    status: int
    address: str
    headers: Mapping[str, str]
    content: bytes
    html: BeautifulSoup

    @classmethod
    def of(cls, answer: requests.Response) -> Page:
        return cls(
            status=answer.status_code,
            address=answer.url,
            headers=answer.headers,
            content=answer.content,
            html=BeautifulSoup(answer.content, "html.parser"),
        )

    @property
    def text(self) -> str:
        main = self.html.find("main") or self.html
        return " ".join(main.get_text(" ").split())

    @property
    def language(self) -> str:
        root = self.html.find("html")
        assert isinstance(root, Tag)
        return str(root["lang"])

    @property
    def errors(self) -> dict[str, str]:
        """What stands next to each field that is wrong, by the field's name."""
        wrong = self.html.select("[aria-invalid=true]")
        return {str(tag["name"]): self.error_of(tag) for tag in wrong}

    def error_of(self, tag: Tag) -> str:
        """The text that the field itself names as its error, which assistive software reads out."""
        described = str(tag["aria-describedby"]).split()
        place = next(name for name in described if name.endswith("-error"))
        return " ".join(self.html.select_one(f"#{place}").get_text(" ").split())  # type: ignore[union-attr]

    @property
    def focus(self) -> str | None:
        """The name of the field, or the id of the summary, that the page puts the cursor on."""
        tag = self.html.select_one("[autofocus]")
        return None if tag is None else str(tag.get("name") or tag.get("id"))

    def hidden(self) -> dict[str, str]:
        """The page's own hidden fields and the boxes that have to be ticked."""
        ticked = {str(tag["name"]): str(tag["value"]) for tag in self.html.select("input[type=checkbox][required]")}
        return {str(tag["name"]): str(tag["value"]) for tag in self.html.select("input[type=hidden]")} | ticked


@dataclass(kw_only=True)
class Customer:
    """One browser: its cookies, its language, where it says it comes from."""

    origin: str
    language: str = "es"
    session: requests.Session = field(default_factory=requests.Session)

    def open(self, address: str) -> Page:
        """Look at a page."""
        return Page.of(self.session.get(address, headers={"Accept-Language": self.language}, timeout=30))

    def hand_in(
        self,
        address: str,
        *,
        files: Mapping[str, bytes],
        fields: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        without: frozenset[str] = frozenset(),
    ) -> Page:
        """Open the form, fill it in as told, send it, and follow to the page that tells the outcome."""
        page = self.open(address)
        own = {name: value for name, value in page.hidden().items() if name not in without}
        return self.send(page.address, files=files, fields={**own, **fields}, headers=headers)

    def send(
        self,
        address: str,
        *,
        files: Mapping[str, bytes],
        fields: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Send a form as it is."""
        body: list[tuple[str, tuple[None, str] | tuple[str, bytes, str]]] = [
            *((name, (None, value)) for name, value in fields.items()),
            *((name, (f"{name}.{name}", content, OCTETS)) for name, content in files.items()),
        ]
        says = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", "Accept-Language": self.language}
        answer = self.session.post(address, files=body, headers={**says, **(headers or {})}, timeout=90)
        return Page.of(answer)
