"""HTML pages from templates: everything escaped, nothing fetched, only one script runs (output).

Names and messages may hold anything. Jinja escapes them in text, attributes and JSON; and each
page's Content-Security-Policy lets the browser run only the script whose SHA-256 it names, and
load nothing from anywhere.
"""

import base64
import functools
import hashlib
from collections.abc import Iterable
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from brainfcn_jax.text import number, printable

_FOLDER = "templates"
_POLICY = (
    "default-src 'none'; img-src data:; style-src {style}; script-src {script}; "
    "base-uri 'none'; form-action 'none'"
)


def page(
    template: str, script: str, contents: dict[str, Any], colours: Iterable[tuple[int, int, int]]
) -> str:
    """Return a page as text.

    Args:
        template: file name of the template.
        script: file name of the page's script, the only one that the page lets run.
        contents: what the template shows.
        colours: of the swatches "t1", "t2", ...
    """
    style, code = _style(tuple(colours)), _shipped_text(script)
    assert "</" not in style and "</script" not in code
    policy = _POLICY.format(style=_digest(style), script=_digest(code))
    return (
        _environment()
        .get_template(template)
        .render(contents, policy=policy, style=Markup(style), script=Markup(code))
    )


@functools.cache
def _shipped_text(name: str) -> str:
    """Return a text file that lies beside the templates."""
    return resources.files("brainfcn_jax.results.pages").joinpath(_FOLDER, name).read_text("utf-8")


def link(path: str, part: str = "") -> str:
    """Return the address of a file.

    `path` leads from the folder of the page to the file, with "/" between names; `part` is what
    the other page finds after "#": a text as `printable` shows it.
    """
    address = quote(f"./{path}", errors="surrogateescape")
    return f"{address}#{quote(printable(part), safe='')}" if part else address


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("brainfcn_jax.results.pages", _FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = printable
    environment.filters["link"] = link
    environment.filters["short"] = _short
    return environment


def _style(colours: tuple[tuple[int, int, int], ...]) -> str:
    swatches = (
        f".t{index} {{ background: rgb({', '.join(map(str, colour))}); }}"
        for index, colour in enumerate(colours, start=1)
    )
    return _shipped_text("page.css") + "\n".join(swatches)


@functools.lru_cache(maxsize=8)
def _digest(text: str) -> str:
    """Return what a policy calls an inline text by."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _short(value: float) -> str:
    """Return a number in three digits, or in all of those before its point if it has more."""
    return f"{value:.0f}" if abs(value) >= 100 else number(value)


def base64_text(content: bytes) -> str:
    """Return what stands for bytes in a data: address."""
    return base64.b64encode(content).decode("ascii")
