"""Writes the pages of the reference: `python -m docs_site.reference --write`; without it, says which are stale."""

from __future__ import annotations

import argparse

from docs_site.reference.pages import DOCS, pages, stale


def main() -> int:
    """Write or check the pages. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        for name, text in pages().items():
            (DOCS / name).write_text(text, encoding="utf-8")
        return 0
    if names := stale():
        print(f"{', '.join(names)}: stale, run make docs")  # noqa: T201 - a command line
    return bool(names)


if __name__ == "__main__":
    raise SystemExit(main())
