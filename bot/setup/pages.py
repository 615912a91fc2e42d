"""The pages of the first run: the look of the dashboard, no script, no other host but as the target of one form."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import jinja2
from aiohttp import web

from bot.dashboard.rendering import static_files, templates

_OURS = {"/setup.css": "text/css"}
_SHARED = {"/style.css": "style.css", "/icon.svg": "icon.svg"}


@cache
def _templates() -> jinja2.Environment:
    return templates().overlay(loader=jinja2.PackageLoader("bot.setup"))


def page(template: str, facts: Mapping[str, Any], github: str, status: int = 200) -> web.Response:
    """Return a page; forms may go to `github` and to us."""
    known = {"step": 0, "problem": "", "looks_again_s": 0, **facts}
    html = _templates().get_template(template).render(known)
    headers = safe_headers(github)
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8", headers=headers)


def static(path: str) -> web.Response:
    """Return a file of the look. Raises HTTPNotFound."""
    if path in _SHARED:
        found = static_files()[_SHARED[path]]
        content, kind = found.content, found.media_type
    elif path in _OURS:
        content, kind = files("bot.setup").joinpath("static", path.removeprefix("/")).read_bytes(), _OURS[path]
    else:
        raise web.HTTPNotFound
    headers = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
    return web.Response(body=content, content_type=kind, headers=headers)


def safe_headers(github: str) -> dict[str, str]:
    """Return what the browser is told of each page."""
    target = urlsplit(github)
    policy = (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        f"form-action 'self' {target.scheme}://{target.netloc}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "strict-origin",  # the path held the token; GitHub's form is posted as from any page
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
