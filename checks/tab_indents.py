"""Tabs for indentation: turned into spaces only where every way to do so reads the same."""

from __future__ import annotations

import re

from checks.yaml_tree import parse, to_data

_TAB_LED = re.compile(r"^[ \t]*\t[ \t]*", re.MULTILINE)
_WIDTHS = (2, 4, 8)  # of a tab in the editors people use
_LONGEST = 200_000


def without_tab_indents(text: str) -> str | None:
    """Return the text with spaces for its tabs at line starts; None where what is meant depends on their width."""
    if len(text) > _LONGEST or _TAB_LED.search(text) is None:
        return None
    found: list[tuple[str, str]] = []
    for width in _WIDTHS:
        spaced = _TAB_LED.sub(lambda match, width=width: match[0].replace("\t", " " * width), text)  # type: ignore[misc]
        document = parse(spaced)
        if document.root is not None and document.syntax is None and not document.hostile and not document.aliases:
            found.append((spaced, repr(to_data(document.root))))
    is_plain = len({data for _, data in found}) == 1
    return found[0][0] if is_plain else None
