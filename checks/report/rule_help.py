"""The rules in a terminal: a list of all, and one explained."""

from __future__ import annotations

import difflib

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from checks.checkout import CannotCheckError
from checks.findings import Cause
from checks.gentleness import weighs_fully_on
from checks.policy import default_policy
from checks.registry import Rule, all_rules, release_days
from checks.report.content import anchor
from checks.report.newness import gently_until
from checks.report.text import print_trimmed
from checks.rule_examples import Example, examples_of


def print_rules(console: Console) -> None:
    """Write every rule on a line, in reading order."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for rule in all_rules().values():
        grid.add_row(Text(rule.id, "bold cyan"), Text(rule.title))
    print_trimmed(console, grid)
    print_trimmed(console, Text())
    print_trimmed(console, Text("taxonomy-check explain RULE tells why, and what to do.", "dim"))


def print_explanation(identifier: str, console: Console) -> None:
    """Write all about a rule ("dco") or one cause of it ("dco/missing"): what, why, how, and an example.

    Raises CannotCheckError for a name that is none.
    """
    rule, causes = _named(identifier)
    print_trimmed(console, Text.assemble((rule.title, "bold"), (f"  [{rule.id}]", "dim")))
    print_trimmed(console, Text(rule.why))
    for cause in causes:
        print_trimmed(console, Text())
        _cause(cause, console)
    for example in examples_of(identifier):
        _example(example, console)
    print_trimmed(console, Text())
    url = default_policy().messages.rules_url
    print_trimmed(console, Text(f"{url}#{anchor(identifier)}", "dim"), soft_wrap=True)


def _named(identifier: str) -> tuple[Rule, tuple[Cause, ...]]:
    known: dict[str, tuple[Rule, tuple[Cause, ...]]] = {}
    for rule in all_rules().values():
        known[rule.id] = (rule, rule.causes)
        known |= {cause.id: (rule, (cause,)) for cause in rule.causes}
    if identifier not in known:
        near = difflib.get_close_matches(identifier, known, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise CannotCheckError(
            f'There is no rule "{identifier}".{hint}', "`taxonomy-check --list-rules` shows them all."
        )
    return known[identifier]


def _cause(cause: Cause, console: Console) -> None:
    print_trimmed(console, Text.assemble((cause.title, "bold"), (f"  [{cause.id}]", "dim")))
    for label, text in (("Why", cause.why), ("For triagers" if cause.kept_back else "Fix", cause.remedy)):
        if text:
            print_trimmed(console, Padding(Text.assemble((f"{label}: ", "bold"), text), (0, 0, 0, 2)))
    if (day := weighs_fully_on(default_policy(), cause.id)) is not None and not cause.kept_back:
        told = f"since {release_days()[cause.id]}. {gently_until(cause, day)}"
        print_trimmed(console, Padding(Text.assemble(("New: ", "bold"), told), (0, 0, 0, 2)))


def _example(example: Example, console: Console) -> None:
    for label, style, lines in (("Not so", "red", example.wrong), ("But so", "green", example.right)):
        print_trimmed(console, Text())
        print_trimmed(console, Text.assemble((f"{label}, in {example.file}:", style)))
        for line in lines.splitlines():
            print_trimmed(console, Padding(Text(line), (0, 0, 0, 4)))
