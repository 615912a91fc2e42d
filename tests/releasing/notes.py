"""`python -m tests.releasing.notes v0.2.0`: the changelog's part of a release, or why there is none."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
_TAG = re.compile(r"v(\d+\.\d+\.\d+)((?:a|b|rc)\d+)?")


class NotesError(Exception):
    """There is nothing to say of this tag; the text says why."""


def notes_of(tag: str, changelog: str) -> str:
    """Return what the changelog says of a tag. A trial version, such as v0.2.0rc1, takes that of its final one.

    Raises NotesError.
    """
    found = _TAG.fullmatch(tag)
    if found is None:
        raise NotesError(f"{tag!r} is no tag of a release: it has to look like v0.2.0 or v0.2.0rc1.")
    for name in (found[1], "Unreleased") if found[2] else (found[1],):
        section = re.search(
            rf"^## \[{re.escape(name)}\].*?\n(.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL
        )
        if section and section[1].strip():
            return section[1].strip() + "\n"
    raise NotesError(
        f'CHANGELOG.md has no section "## [{found[1]}] - DAY" with something in it. Write it, then tag.'
    )


def main() -> int:
    """Print the notes. Returns 1 where there are none."""
    try:
        print(notes_of(sys.argv[1] if len(sys.argv) > 1 else "", CHANGELOG.read_text(encoding="utf-8")))
    except NotesError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
