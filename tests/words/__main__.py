"""Writes the files of words anew: `python -m tests.words --write`, or names those that differ."""

from __future__ import annotations

import argparse

from tests.words.golden import differing, unused, write


def main() -> int:
    """Write or compare. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.words", description=__doc__)
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        write()
        return 0
    stale = [*differing(), *unused()]
    print("\n".join(stale) or "all words are as they are written down")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
