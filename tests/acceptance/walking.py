"""Through a page as who has no mouse goes, and what is read aloud to who does not see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from playwright.sync_api import Page, ViewportSize

#: What is left of a window of 1280 by 844 at 200 %.
ZOOMED: Final[ViewportSize] = {"width": 640, "height": 422}

#: All that can be used, in the order in which it stands; puts the focus before the first of it.
STOPS: Final = """() => {
  const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const seen = (one) => !one.disabled && one.checkVisibility({ visibilityProperty: true });
  window.stops = [...document.querySelectorAll(all)].filter(seen);
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
  scrollTo(0, 0);
  return stops.map((one) => one.outerHTML.slice(0, 120));
}"""
#: Where the focus is: which of them, whether that can be seen, and whether it is on the screen.
HERE: Final = """() => {
  const one = document.activeElement;
  const drawn = one.classList.contains("covering") ? one.nextElementSibling : one;
  const style = getComputedStyle(drawn), { top, bottom, left, right } = drawn.getBoundingClientRect();
  return {
    stop: stops.indexOf(one),
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    shown: bottom > 0 && top < innerHeight && right > 0 && left >= 0 && right <= innerWidth,
  };
}"""


def walk(page: Page) -> None:
    """Go through a page with Tab, and come to all that can be used, in its order, each seen as it is come to."""
    stops = page.evaluate(STOPS)
    assert stops
    for number, stop in enumerate(stops):
        page.keyboard.press("Tab")
        assert page.evaluate(HERE) == {"stop": number, "outlined": True, "shown": True}, stop
    page.keyboard.press("Tab")
    assert page.evaluate(HERE)["stop"] in {-1, 0}, "the last one keeps nobody"
    assert page.evaluate("document.documentElement.scrollWidth") <= ZOOMED["width"]


def read(page: Page) -> list[str]:
    """What assistive software tells of the page, in its order; whatever can be used is called something."""
    session = page.context.new_cdp_session(page)
    nodes = {node["nodeId"]: node for node in session.send("Accessibility.getFullAXTree")["nodes"]}
    session.detach()

    def below(node: dict[str, Any]) -> Iterator[str]:
        role, name = node.get("role", {}).get("value", ""), " ".join(node.get("name", {}).get("value", "").split())
        usable = any(one["name"] == "focusable" and one["value"]["value"] for one in node.get("properties", ()))
        assert name or not usable, node
        if not node["ignored"] and role in TOLD:
            yield f"{role}: {name}".rstrip()
        for child in node.get("childIds", ()):
            yield from below(nodes[child])

    return list(below(next(iter(nodes.values()))))


#: Roles that a visitor is led by.
TOLD: Final = frozenset(
    {
        *("banner", "contentinfo", "form", "main", "navigation", "region"),
        *("button", "checkbox", "combobox", "DisclosureTriangle", "link", "textbox"),
        *("alert", "figure", "heading", "image", "progressbar", "status"),
    }
)
