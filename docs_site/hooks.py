"""What the site needs beyond Markdown: lists as GitHub reads them, and links that leave the folder of the docs."""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

log = logging.getLogger("mkdocs.docs_site")

_CELL = re.compile(r"<td[ >].*?</td>", re.DOTALL)
_ITEM = re.compile(r"( *)([-*]|\d+\.) ")
_FENCE = re.compile(r" *(```+|~~~+)")
_LINK = re.compile(r"(?P<before>\]\()(?P<target>(?:\.\./)+[^)#\s]*)(?P<after>[^)]*\))")


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Return the page's text as this Markdown needs it."""
    text = "\n".join(with_lists(markdown.splitlines())) + "\n"
    return with_outside_links(text, page.file.src_uri, config.repo_url)


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Return the page's HTML with `|` where a table's cell had to put a backslash before it, as GitHub does."""
    return _CELL.sub(lambda cell: cell[0].replace("\\|", "|"), html)


def with_lists(lines: list[str]) -> Iterator[str]:
    """Yield the lines with a blank one before each list that follows a paragraph at once, as GitHub reads it."""
    fence, before = "", ""
    for line in lines:
        mark = _FENCE.match(line)
        if mark and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and _ITEM.match(line) and before.strip() and not _is_of_a_list(before):
            yield ""
        yield line
        before = line


def with_outside_links(text: str, page: str, repository: str) -> str:
    """Return the text with links to files outside docs/ leading to the repository; a missing file is an error."""

    def outside(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link["target"]))
        if target.startswith("docs/"):
            return link[0]
        if target.startswith("..") or not (ROOT / target).exists():
            log.warning("%s links to %s, which is not there", page, link["target"])
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"{link['before']}{repository.rstrip('/')}/{kind}/main/{target}{link['after']}"

    return _LINK.sub(outside, text)


def _is_of_a_list(line: str) -> bool:
    return bool(_ITEM.match(line)) or line.startswith((" ", "\t"))
