"""The way out for missing sign-offs, told once: first without git, then with it."""

from __future__ import annotations

from checks.contribution import Contribution
from checks.policy import Policy
from checks.report.visible import visible


def advice_lines(contribution: Contribution, policy: Policy) -> tuple[str, ...]:
    """Return the recipe as lines to show as they are; empty when every commit is signed off."""
    from checks.rules import dco  # here, because `--help` must not load the rules

    advice = dco.advice(contribution, policy)
    if advice is None:
        return ()
    return (
        "With git:",
        *(f"  {visible(command)}" for command in advice.git_commands),
        *_without_git([(text.author_name, text.title, text.description) for text in advice.remediation_texts]),
        visible(advice.next_time),
    )


def _without_git(texts: list[tuple[str, str, str]]) -> list[str]:
    lines: list[str] = []
    for author, title, description in texts:
        lines += [
            f"Or keep the commits and add one more, by {visible(author)}, with this message:",
            f"  {visible(title)}",
            "",
            *(f"  {visible(line)}" for line in description.splitlines()),
        ]
    return lines
