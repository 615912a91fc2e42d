"""All pages of the reference by file name, and which of them are stale."""

from __future__ import annotations

from pathlib import Path

from docs_site.reference import command_lines_page, decisions_page, settings_page
from docs_site.reference.diagrams import architecture_page
from docs_site.reference.pages_page import api_page, pages_page

DOCS = Path(__file__).parents[2] / "docs"


def pages() -> dict[str, str]:
    """Return the text of each page under its name below docs/."""
    return {
        "settings.md": settings_page.page(),
        "command-lines.md": command_lines_page.page(),
        "pages.md": pages_page(),
        "api.md": api_page(),
        "decisions/README.md": decisions_page.page(),
        "architecture.md": architecture_page(),
    }


def stale() -> list[str]:
    """Return the names of the pages that are not what the code says."""
    return [
        name
        for name, text in pages().items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != text
    ]
