"""`python -m tests.releasing.versions v0.2.0`: the version of a tag's chart, or which files name another."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_TAG = re.compile(r"v(\d+\.\d+\.\d+)(?:(a|b|rc)(\d+))?")
# whoever installs from a checkout gets what these name; each once for each group
_NAMED: dict[str, tuple[str, ...]] = {
    "charts/taxonomy-bot/Chart.yaml": (r"^version: (.*)$", r"^appVersion: (.*)$"),
    "compose.yaml": (r"-bot:\$\{TAXONOMY_VERSION:-(.*?)\}", r"-worker:\$\{TAXONOMY_VERSION:-(.*?)\}"),
    "pyproject.toml": (r'^fallback-version = "(.*)\.dev0"$',),
}


class VersionsError(Exception):
    """The files do not name the release; the text says which, and what they name."""


def named(root: Path = ROOT) -> list[tuple[str, str]]:
    """Return each file that names the release, with what it names; nothing where it should and does not."""
    return [
        (file, found[1] if (found := re.search(pattern, (root / file).read_text(), re.MULTILINE)) else "nothing")
        for file, patterns in _NAMED.items()
        for pattern in patterns
    ]


def chart_version(tag: str, root: Path = ROOT) -> str:
    """Return what the chart of a tag is called: v0.2.0rc1 is 0.2.0-rc.1 there, as Helm wants it.

    Raises VersionsError where a file names another release than the tag does.
    """
    found = _TAG.fullmatch(tag)
    if found is None:
        raise VersionsError(f"{tag!r} is no tag of a release: it has to look like v0.2.0 or v0.2.0rc1.")
    version, kind, number = found.groups()
    others = [f"  {file} names {what}" for file, what in named(root) if what != version]
    if others:
        raise VersionsError(
            f"This is {version}, and not all files say so. Write it there, then tag:\n" + "\n".join(others)
        )
    return f"{version}-{kind}.{number}" if kind else str(version)


def main() -> int:
    """Print the chart's version. Returns 1 where the files do not agree."""
    try:
        print(chart_version(sys.argv[1] if len(sys.argv) > 1 else ""))
    except VersionsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
