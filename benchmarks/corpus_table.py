"""How many recorded pull requests each rule touches, by severity, beside the verdicts others gave them.

Run `python -m benchmarks.corpus_table FOLDER [--write docs/corpus.md]`; the folder holds `pull_requests.jsonl`.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.corpus import PullRequest, read_corpus
from checks.findings import Check, Outcome, Severity
from checks.policy import default_policy
from checks.registry import all_rules
from checks.run import judge

FILE = "pull_requests.jsonl"
NOT_SCOPE = "not judged"
_INTRODUCTION = """\
Written on {today} by `python -m benchmarks.corpus_table FOLDER --write docs/corpus.md`, over {count} recorded pull
requests, with the default policy and nothing fetched: rules about linked documents, other contributions and the
description of a pull request stay silent here, since these were not recorded."""


@dataclass(slots=True)
class Table:
    """What is counted: pull requests by rule and severity, by cause, and by our verdict and that of others."""

    pull_requests: int = 0
    crashed: int = 0
    by_rule: defaultdict[str, Counter[Severity]] = field(default_factory=lambda: defaultdict(Counter))
    by_cause: defaultdict[str, Counter[Severity]] = field(default_factory=lambda: defaultdict(Counter))
    any_of: Counter[Severity] = field(default_factory=Counter)
    official: Counter[tuple[str, str]] = field(default_factory=Counter)
    sign_off: Counter[tuple[str, str]] = field(default_factory=Counter)


def counted(pull_requests: Iterable[PullRequest]) -> Table:
    """Judge each pull request by all rules and the default policy, and count."""
    table, policy = Table(), default_policy()
    for pull_request in pull_requests:
        verdict = judge(pull_request.contribution(), policy)
        table.pull_requests += 1
        table.crashed += bool(verdict.crashes)
        for rule, severity in {(f.rule, f.severity) for f in verdict.findings}:
            table.by_rule[rule][severity] += 1
        for cause, severity in {(f.cause.id, f.severity) for f in verdict.findings}:
            table.by_cause[cause][severity] += 1
        table.any_of.update({f.severity for f in verdict.findings})
        theirs = pull_request.expected.get("official_check") or NOT_SCOPE
        table.official[theirs, verdict.outcome(Check.CONTRIBUTION)] += 1
        table.sign_off[pull_request.expected.get("dco") or NOT_SCOPE, verdict.outcome(Check.SIGN_OFF)] += 1
    return table


def as_markdown(table: Table) -> Iterator[str]:
    """Yield the page."""
    yield "# What the rules find in real pull requests"
    yield ""
    yield _INTRODUCTION.format(today=datetime.date.today(), count=table.pull_requests)
    yield f"Pull requests where a rule of ours broke down: {table.crashed}."
    yield ""
    yield "## By rule"
    yield ""
    yield "How many pull requests have at least one finding of the rule. A rule without findings is listed as well."
    yield ""
    yield "| rule | error | warning | notice |"
    yield "|---|---|---|---|"
    for rule in all_rules().values():
        yield f"| `{rule.id}` | {_cells(table.by_rule[rule.id])} |"
    yield f"| any rule | {_cells(table.any_of)} |"
    yield ""
    yield "## By cause"
    yield ""
    yield "| cause | error | warning | notice |"
    yield "|---|---|---|---|"
    for cause, counts in sorted(table.by_cause.items(), key=lambda row: (-row[1].total(), row[0])):
        yield f"| `{cause}` | {_cells(counts)} |"
    yield ""
    yield "## Beside the verdicts of others"
    yield ""
    yield "Upstream's own check (a row; `crash` is a script that died) and ours (a column). Why we are stricter is"
    yield "told in [upstream-differences.md](upstream-differences.md)."
    yield ""
    yield from _compared("upstream's check", table.official)
    yield ""
    yield "The sign-off check of the DCO app (a row) and ours (a column):"
    yield ""
    yield from _compared("DCO app", table.sign_off)


def _cells(counts: Counter[Severity]) -> str:
    return " | ".join(str(counts[severity] or "") for severity in Severity)


def _compared(whose: str, counts: Counter[tuple[str, str]]) -> Iterator[str]:
    yield f"| {whose} | {' | '.join(f'we: {outcome}' for outcome in Outcome)} |"
    yield f"|---|{'---|' * len(Outcome)}"
    for theirs in sorted({theirs for theirs, _ in counts}):
        yield f"| {theirs} | {' | '.join(str(counts[theirs, outcome] or '') for outcome in Outcome)} |"


def main() -> int:
    """Run the count from the command line; exits 1 when a rule broke down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the page there instead of printing it")
    arguments = parser.parse_args()
    table = counted(read_corpus(arguments.folder / FILE))
    page = "\n".join(as_markdown(table)) + "\n"
    if arguments.write:
        arguments.write.write_text(page, encoding="utf-8")
    else:
        print(page)
    return 1 if table.crashed else 0


if __name__ == "__main__":
    sys.exit(main())
