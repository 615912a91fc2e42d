"""Writes pages of the documentation: `python -m bot.handbook --write`, or `--check` that they are fresh."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot import metrics_page, privacy_page, workflow_page
from bot.commands.registry import Command, all_commands

FOLDER = Path(__file__).parent.parent / "docs"

_HEAD = """# Commands

<!-- Made by `make docs` from the code; do not edit by hand. -->

Written in a comment or a review of a pull request, each at the start of a line, any case, several per comment.
Quotes, code, lists, links and hidden text never command, neither do edited comments nor other bots. A thumb up
says that it is done; a reply comes only when somebody has to read something. A command that judges the content
counts for the commit its writer can have seen: if the branch moved since, it is refused. Every command is
written down, with its writer's role.

Triagers, approvers and maintainers are the members of the policy's [teams](policy.md), or whoever has the
permission triage, write or maintain on the repository. It is looked up when the command is handled; unsure
means no.

| command | what it does | who may |
|---|---|---|
"""


def pages() -> dict[str, str]:
    """Return the text of each page under its file name."""
    return {
        "commands.md": commands_page(),
        "metrics.md": metrics_page.page(),
        "privacy.md": privacy_page.page(),
        "workflow.md": workflow_page.page(),
    }


def commands_page() -> str:
    """Return the page on commands."""
    rows = [f"| {c.usage_cell} | {c.summary} | {c.who_may} |" for c in all_commands().values()]
    details = [_details(c) for c in all_commands().values()]
    return _HEAD + "\n".join(rows) + "\n\n## Examples\n\n" + "\n".join(details) + "\n"


def _details(command: Command) -> str:
    examples = ", ".join(f"`{example}`" for example in command.examples)
    bound = " (counts for the commit that was seen)" if command.about_content else ""
    return f"- **/{command.name}**{bound}: {examples}"


def main() -> int:
    """Write or check the pages. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    wanted = parser.parse_args()
    stale = [name for name, text in pages().items() if not _is_fresh(name, text)]
    if wanted.write:
        for name in stale:
            (FOLDER / name).write_text(pages()[name], encoding="utf-8")
    elif stale:
        print(f"{', '.join(stale)}: stale, run make docs")  # noqa: T201 - a command line
        return 1
    return 0


def _is_fresh(name: str, text: str) -> bool:
    file = FOLDER / name
    return file.exists() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    raise SystemExit(main())
