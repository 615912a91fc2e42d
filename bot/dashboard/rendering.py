"""Turning facts into HTML: everything is escaped, and a fact that is missing is an error of ours."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from bot.comments.escape import for_terminals_removed, visible
from bot.version import own_version

_UNSEEN_BREAK = "<!-- -->"  # our escaper's, where GitHub would see a mention; others' "<" it writes as "&lt;"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One of our own files, under an address that changes with its content."""

    name: str
    digest: str
    media_type: str
    content: bytes


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return our own style sheets and scripts by name."""
    found = {}
    for entry in files("bot.dashboard").joinpath("static").iterdir():
        content = entry.read_bytes()
        media_type = mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
        found[entry.name] = StaticFile(entry.name, hashlib.sha256(content).hexdigest()[:16], media_type, content)
    return found


@cache
def templates() -> jinja2.Environment:
    """Return what renders the templates."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bot.dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        enable_async=False,
    )
    environment.globals["version"] = own_version()
    environment.filters |= {
        "plain": plain,
        "moment": moment,
        "lasting": lasting,
        "percent": percent,
        "grouped": grouped,
        "size": size,
        "markdown": markdown,
        "markdown_line": markdown_line,
        "short_sha": lambda sha: str(sha)[:8],
    }
    return environment


def plain(text: object) -> str:
    """Return somebody's words as they can be read: what is invisible or meant for a terminal shows or goes."""
    return visible(for_terminals_removed(str(text)))


def markdown(text: str) -> Markup:
    """Return our own Markdown as HTML: HTML in it is shown, not obeyed, and pictures and other hosts stay away."""
    return Markup(_markdown().render(_own(text)))  # noqa: S704 - made from escaped text


@lru_cache(maxsize=2048)
def markdown_line(text: str) -> Markup:
    """Return a sentence of our own Markdown as HTML, without a paragraph around it."""
    return Markup(_markdown().renderInline(_own(text)))  # noqa: S704 - made from escaped text


def _own(text: str) -> str:
    return visible(text.replace(_UNSEEN_BREAK, ""))


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")


def moment(at: datetime | None, now: datetime) -> Markup:
    """Return a moment as people say it, with the moment itself for machines and for those who point at it."""
    if at is None:
        return Markup("<span>never</span>")
    exact = at.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        exact.isoformat(timespec="seconds"), exact.strftime("%Y-%m-%d %H:%M:%S"), _said(exact, now)
    )


def _said(at: datetime, now: datetime) -> str:
    seconds = (now - at).total_seconds()
    span = lasting(abs(seconds))
    if abs(seconds) < _MINUTE:
        return "just now"
    if abs(seconds) >= 60 * _DAY:
        return f"{at:%d %b %Y}".lstrip("0")
    return f"{span} ago" if seconds > 0 else f"in {span}"


def lasting(seconds: float | None) -> str:
    """Return how long something lasts, in words: "3 h 20 min"."""
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return f"{minutes} min" + (f" {rest} s" if rest and minutes < 10 else "")
    if whole < _DAY:
        hours, rest = divmod(whole // _MINUTE, 60)
        return f"{hours} h" + (f" {rest} min" if rest else "")
    days = whole // _DAY
    return f"{days} day" + ("s" if days > 1 else "")


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share as percent."""
    return "unknown" if share is None else f"{100 * share:.{digits}f} %"


def grouped(number: float) -> str:
    """Return a large number so that it can be read: 12,345."""
    return f"{number:,}"


def size(count: int) -> str:
    """Return a number of bytes as people read it: 14.2 GB."""
    if count < 1000:
        return f"{count} bytes"
    units = ("kB", "MB", "GB", "TB")
    power = min(len(units), (len(str(count)) - 1) // 3)
    return f"{count / 1000**power:.1f} {units[power - 1]}"


def rendered(template: str, facts: Mapping[str, Any]) -> str:
    """Return the HTML of a template. Raises jinja2.UndefinedError when a fact is missing."""
    return templates().get_template(template).render(facts)
