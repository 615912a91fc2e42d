"""Writes the published rule book and the description of the policy file from the code that obeys them.

`python -m checks.report.rule_book --write` renews the files under docs/; without `--write` it says which are
stale, with status 1.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from checks.findings import Cause
from checks.gentleness import weighs_fully_on
from checks.policy import POLICY_PATH, Policy, default_policy, policy_schema
from checks.registry import Rule, all_rules, release_days
from checks.report.content import anchor
from checks.report.newness import gently_until

DOCS = Path(__file__).parents[2] / "docs"
_MADE = "<!-- Made by `make docs` from the code; do not edit by hand. -->"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pages() -> dict[str, str]:
    """Return every generated file: its name under docs/ and its text."""
    return {
        "rules.md": rule_book(),
        "policy.md": policy_page(),
        "policy.schema.json": json.dumps({"$schema": _DIALECT} | policy_schema(), indent=2) + "\n",
    }


def rule_book() -> str:
    """Return docs/rules.md: every rule with its causes, each under an anchor that messages link to."""
    rules = all_rules().values()
    intro = (
        "What a contribution to the taxonomy is checked for. The same rules run on your machine "
        "(`taxonomy-check`), in CI and on the pull request. A community can switch a rule or one kind of problem "
        f"off, or weigh it differently, under `rules:` in its [`{POLICY_PATH}`](policy.md), except where a rule "
        "tells what could not be judged, or protects people and programs.\n\n"
        "A rule that is new, or has become stricter, is gentle at first: for 14 days (`new_rules:`) what it finds "
        "is a notice. The days count from its release, on the pull request from the day on which the bot first "
        "runs with it. A pull request that was judged keeps its rules until the next push."
    )
    contents = "\n".join(f"- [{rule.title}](#{rule.id})" for rule in rules)
    return "\n\n".join(["# Rules", _MADE, intro, contents, *map(_rule, rules)]) + "\n"


def policy_page() -> str:
    """Return docs/policy.md: every key of the policy file with its default and its meaning."""
    intro = (
        f"The community's rules live in `{POLICY_PATH}` of the taxonomy repository, on its default branch. Every "
        "key may be left out; unknown keys are refused, with their line. Editors can check the file against "
        "[policy.schema.json](policy.schema.json)."
    )
    return "\n\n".join(["# The policy file", _MADE, intro, *_policy_sections()]) + "\n"


def _rule(rule: Rule) -> str:
    fixed = "" if rule.switchable else " This rule cannot be switched off or weighed differently."
    head = [f'<a id="{anchor(rule.id)}"></a>', f"## {rule.title}", f"Rule `{rule.id}`. {rule.why}{fixed}"]
    return "\n\n".join([*head, *map(_cause, rule.causes)])


def _cause(cause: Cause) -> str:
    lines = [f'<a id="{anchor(cause.id)}"></a>', f"### {cause.title}", f"`{cause.id}`", cause.why]
    if cause.kept_back:
        lines.append(
            "Only triagers are told, away from the pull request. It can be switched off, not made heavier."
        )
    if (day := weighs_fully_on(default_policy(), cause.id)) is not None and not cause.kept_back:
        lines.append(f"New since {release_days()[cause.id]}. {gently_until(cause, day)}")
    if cause.remedy:
        lines.append(f"**{'For triagers' if cause.kept_back else 'How to fix'}:** {cause.remedy}")
    return "\n\n".join(lines)


def _policy_sections() -> Iterator[str]:
    for name, field in Policy.model_fields.items():
        section = getattr(default_policy(), name)
        if isinstance(section, BaseModel):
            meaning = (type(section).__doc__ or "").strip()
            yield "\n\n".join([f"## `{name}`", meaning, _table(section)])
        else:
            yield "\n\n".join([f"## `{name}`", field.description or "", f"Default: {_shown(section)}"])


def _table(section: BaseModel) -> str:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in type(section).model_fields.items():
        meaning = field.description or f"{name.replace('_', ' ').capitalize()}."
        rows.append(f"| `{name}` | {_shown(getattr(section, name))} | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def _shown(value: Any) -> str:
    if value is PydanticUndefined or value in ((), {}, ""):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{value}`"


def main(arguments: list[str]) -> int:
    """Write the pages, or say which are stale."""
    stale = [name for name, text in pages().items() if not _is(DOCS / name, text)]
    if "--write" in arguments:
        for name in stale:
            (DOCS / name).write_text(pages()[name], encoding="utf-8")
        return 0
    for name in stale:
        sys.stderr.write(f"docs/{name} is stale: run `make docs`\n")
    return 1 if stale else 0


def _is(place: Path, text: str) -> bool:
    return place.is_file() and place.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
