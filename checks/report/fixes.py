"""What was put right, file by file, and as a unified diff what would be."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from checks.checkout import counted
from checks.report.visible import visible, visible_path

if TYPE_CHECKING:
    from checks.local_fix import Mending
    from checks.repair import Mended, Repair

_NO_END = "\\ No newline at end of file"


def mending_lines(mending: Mending) -> Iterator[str]:
    """Yield what was done, or would be, and what was not and why."""
    if not (mending.done or mending.failed or mending.withheld):
        yield "There is nothing that can be put right mechanically."
        return
    if mending.done:
        yield "Would be put right:" if mending.dry_run else "Put right:"
    for repair in mending.done:
        yield f"  {visible_path(repair.path)}: {'; '.join(map(_kind, repair.mended))}"
        if repair.new_path != repair.path:
            yield f"    is now {visible_path(repair.new_path)}"
    if mending.done and mending.dry_run:
        yield "The report tells what would be left; its line numbers are those after the changes."
    for path, reason in mending.failed:
        yield f"Not put right: {visible_path(path)}, because {visible(reason)}."
    for path in mending.withheld:
        yield f"Left alone: {visible_path(path)}. Personal data or a secret stand in it: take them out first."


def _kind(mended: Mended) -> str:
    often = f" ({counted(mended.places, 'place')})" if mended.places > 1 else ""
    return mended.cause.title + often


def unified_diff(repair: Repair) -> Iterator[str]:
    """Yield the lines of a unified diff of one file; what cannot be seen is shown by its code point."""
    yield f"--- a/{visible_path(repair.path)}"
    yield f"+++ b/{visible_path(repair.new_path)}"
    before, after = (_lines(content) for content in (repair.before, repair.after))
    for line in list(difflib.unified_diff(before, after, lineterm=""))[2:]:
        yield line if line.startswith("@@") else line[:1] + _shown(line[1:])
        if not line.startswith("@@") and not line.endswith("\n"):
            yield _NO_END


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "surrogateescape").splitlines(keepends=True)


def _shown(line: str) -> str:
    text = line.removesuffix("\n")
    end = "<U+000D>" if text.endswith("\r") else ""
    return "\t".join(visible(part) for part in text.removesuffix("\r").split("\t")) + end
