"""A page as tests see it: its elements, their texts, and what its policy lets run."""

import base64
import hashlib
import re
from html.parser import HTMLParser

HOSTILE = (
    "<script>alert(1)</script>\"'&</title><img src=x onerror=alert(2)>{{ 7 * 7 }}\x1b[2J\udc80"
)
VOID = {"img", "input", "meta"}


class Page(HTMLParser):
    """A page as its elements: names, attributes, and the text in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element that is closed at once."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Elements must close in the order that they were opened in."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text belongs to all elements around it."""
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        """Of each element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def check_policy(page: Page) -> None:
    """Only the script on the page may run, and nothing is fetched."""
    (policy,) = (
        attributes["content"]
        for attributes in page.attributes("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; ")
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    kinds = page.attributes("script")
    run = [
        text
        for text, kind in zip(page.texts["script"], kinds, strict=True)
        if kind.get("type") != "application/json"
    ]
    for directive, texts in (("script-src", run), ("style-src", page.texts["style"])):
        digests = [base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in texts]
        assert allowed[directive].split() == [f"'sha256-{digest}'" for digest in digests]
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "action", "srcset") and value is not None
    ]
    assert all(re.match(r"data:image/|\./", address) for address in addresses)
    handlers = [n for _, attributes in page.elements for n in attributes if n.startswith("on")]
    assert not handlers
    assert not [tag for tag, _ in page.elements if tag in ("iframe", "object", "embed", "link")]
