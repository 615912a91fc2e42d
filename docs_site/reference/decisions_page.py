"""docs/decisions/README.md: every decision with its date, newest first."""

from __future__ import annotations

import re
from pathlib import Path

from docs_site.reference.cells import MADE, table

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"

_HEAD = f"""# Decisions

{MADE}

Why things are as they are: short dated notes, each with what was chosen against what. A note is not rewritten when
minds change; a newer one says so.
"""


def page() -> str:
    """Return the page."""
    notes = sorted(FOLDER.glob("20*.md"), key=lambda file: file.name, reverse=True)
    rows = [(file.name[:10], f"[{_title(file)}]({file.name})") for file in notes]
    return "\n".join((_HEAD, *table(("date", "decision"), rows), ""))


def _title(file: Path) -> str:
    found = re.search(r"^# (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else file.stem
