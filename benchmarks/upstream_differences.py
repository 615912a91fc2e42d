"""Compares our verdicts with upstream's over recorded pull requests, and explains each difference by rule.

Run `python -m benchmarks.upstream_differences PULL_REQUESTS.jsonl [--write docs/upstream-differences.md]`.
Exits 1 when a rule crashed or a difference has no explanation.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.corpus import PullRequest, read_corpus
from checks.contribution import LEAF_FILE
from checks.findings import Finding, Severity, Verdict
from checks.policy import default_policy
from checks.registry import all_rules
from checks.run import judge

# What upstream's own check covers: the schema, the lint and the presence of the attribution file.
_SCOPE = frozenset({"intake", "hostile", "syntax", "schema", "counts", "lint", "limits", "placeholders"})
_SCOPE_CAUSES = frozenset({"attribution/missing"})
_PASS, _FAIL, _CRASH = "pass", "fail", "crash"

REASONS = {
    "schema/missing-version": "A file without `version:` is version 1, which is no longer accepted. "
    "Upstream lets it pass without any lint and asks for one seed example only.",
    "schema/old-version": "Version 1 of skills, and 1 and 2 of knowledge, are no longer accepted.",
    "counts/too-few-examples": "A skill needs five seed examples in every version; version 1 asks for one.",
    "counts/too-few-different": "A question asked again does not count; upstream compares whole seed examples.",
    "schema/repeated-item": "The same seed example twice is refused in every version; version 1 takes it.",
    "schema/empty-text": "Text of nothing but blanks counts as empty, and so does an empty text in version 1.",
    "schema/unknown-key": "Only `question` and `answer` belong into a question; upstream leaves that open.",
    "syntax/empty-file": "An empty file teaches nothing; upstream warns only.",
    "lint/trailing-spaces": "Every file is linted; upstream leaves version 1 out.",
    "lint/no-final-newline": "Every file is linted; upstream leaves version 1 out.",
    "lint/duplicate-key": "Every file is linted; upstream leaves version 1 out.",
    "lint/windows-line-ends": "Upstream's lint refuses them too, but its script hides them from it.",
    "limits/long-context": "A context may have 500 tokens; upstream counts none.",
    "limits/too-many-words": "Questions and answers over three times the advised length; upstream counts none.",
    "placeholders/left-in": "The template's own words have to go; upstream does not know them.",
    "hostile/alias": "Aliases can grow without end; upstream follows them.",
    "hostile/hidden-character": "Invisible characters are refused; upstream does not look for them.",
    "hostile/path": "Paths that trick are refused; upstream does not look at them.",
    "hostile/binary": "The taxonomy holds text only; upstream looks at `qna.yaml` alone.",
    "hostile/too-large": "A file may have 1 MiB; upstream reads any size.",
    "hostile/link": "Links are refused; upstream follows them.",
    "attribution/missing": "Upstream's recorded check did not ask every pull request for the attribution file.",
}


@dataclass(slots=True)
class Comparison:
    """What came out, pull request by pull request."""

    judged: int = 0
    crashes: list[int] = field(default_factory=list)
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    stricter: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    unexplained: list[int] = field(default_factory=list)
    looser: list[int] = field(default_factory=list)
    crashed_upstream: int = 0
    crashed_files: int = 0
    crashed_files_placed: int = 0
    sign_off: Counter[tuple[str, str]] = field(default_factory=Counter)
    sign_off_differs: list[int] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """True when nothing crashed and every difference is explained."""
        return not (self.crashes or self.unexplained or self.looser or self.sign_off_differs)


def compare(recorded: Iterable[PullRequest]) -> Comparison:
    """Judge every pull request and compare."""
    result = Comparison()
    for pull_request in recorded:
        verdict = judge(pull_request.contribution(), default_policy())
        result.judged += 1
        if verdict.crashes:
            result.crashes.append(pull_request.number)
        _compare_check(result, pull_request, verdict)
        _compare_sign_off(result, pull_request, verdict)
    return result


def _compare_check(result: Comparison, pull_request: PullRequest, verdict: Verdict) -> None:
    official = pull_request.expected["official_check"]
    if official is None:
        return
    errors = [f for f in verdict.findings if f.severity is Severity.ERROR and _in_scope(f)]
    ours = _FAIL if errors else _PASS
    result.verdicts[official, ours] += 1
    if official == _CRASH:
        _count_crashed(result, pull_request, verdict)
    if official != _PASS and ours == _PASS:
        result.looser.append(pull_request.number)
    if official == _PASS and ours == _FAIL:
        causes = {f.cause.id for f in errors}
        for cause in causes:
            result.stricter[cause].append(pull_request.number)
        if not causes <= set(REASONS):
            result.unexplained.append(pull_request.number)


def _count_crashed(result: Comparison, pull_request: PullRequest, verdict: Verdict) -> None:
    """Where upstream's script died: how many of its files have findings now, and all of them with a place."""
    result.crashed_upstream += 1
    for path, text in pull_request.texts():
        if not path.endswith(f"/{LEAF_FILE}"):
            continue
        findings = [f for f in verdict.findings if f.path == path and _in_scope(f)]
        if findings:
            result.crashed_files += 1
            lines = text.count("\n") + 1
            placed = all(f.line is not None and f.column is not None and 1 <= f.line <= lines + 1 for f in findings)
            result.crashed_files_placed += placed


def _compare_sign_off(result: Comparison, pull_request: PullRequest, verdict: Verdict) -> None:
    expected = pull_request.expected["dco"]
    if "dco" not in all_rules() or expected is None:
        return
    ours = _FAIL if any(f.rule == "dco" and f.severity is Severity.ERROR for f in verdict.findings) else _PASS
    result.sign_off[expected, ours] += 1
    if expected != ours:
        result.sign_off_differs.append(pull_request.number)


def _in_scope(finding: Finding) -> bool:
    return finding.rule in _SCOPE or finding.cause.id in _SCOPE_CAUSES


def as_markdown(result: Comparison) -> str:
    """Return the comparison as the page that is published."""
    return "\n".join((*_summary(result), *_table(result), *_notes(result))) + "\n"


def _summary(result: Comparison) -> Iterator[str]:
    agree = result.verdicts[_PASS, _PASS] + result.verdicts[_FAIL, _FAIL] + result.verdicts[_CRASH, _FAIL]
    yield "# How our verdicts differ from upstream's"
    yield ""
    yield "Written by `python -m benchmarks.upstream_differences PULL_REQUESTS.jsonl --write PAGE`."
    yield "Upstream's check is the schema at the file's version, its lint and the presence of `attribution.txt`."
    yield ""
    yield f"- Pull requests judged: {result.judged}; rules that crashed: {len(result.crashes)}."
    yield f"- Same verdict: {agree} of {sum(result.verdicts.values())} that upstream judged (a crash is a fail)."
    yield f"- Upstream fails or crashes, we pass: {len(result.looser)}{_numbers(result.looser)}."
    yield f"- Upstream passes, we fail: {result.verdicts[_PASS, _FAIL]}, each explained below by rule."
    yield f"- Differences without an explanation: {len(result.unexplained)}{_numbers(result.unexplained)}."
    yield (
        f"- Upstream's script crashed on {result.crashed_upstream} pull requests. There, {result.crashed_files} "
        f"files have findings now, {result.crashed_files_placed} of them with line and column for every one."
    )
    same = sum(count for (theirs, ours), count in result.sign_off.items() if theirs == ours)
    yield (
        f"- Sign-off (DCO): same verdict for {same} of {sum(result.sign_off.values())}"
        f"{_numbers(result.sign_off_differs)}."
    )


def _table(result: Comparison) -> Iterator[str]:
    yield ""
    yield "## Where we are stricter"
    yield ""
    yield "A pull request stands in each row whose finding it has."
    yield ""
    yield "| finding | pull requests | why |"
    yield "|---|---|---|"
    for cause, numbers in sorted(result.stricter.items(), key=lambda row: (-len(row[1]), row[0])):
        listed = ", ".join(f"#{number}" for number in sorted(numbers))
        yield f"| `{cause}` | {len(numbers)}: {listed} | {REASONS.get(cause, '**not explained**')} |"


def _notes(result: Comparison) -> Iterator[str]:
    yield ""
    yield "## Further differences by design"
    yield ""
    shown = set(result.stricter)
    for cause, reason in REASONS.items():
        if cause not in shown:
            yield f"- `{cause}`: {reason}"
    yield "- Skills of version 2 and 3 are both accepted; upstream's workflow demanded 3 while its guide said 2."
    yield "- Knowledge of an old version gets one error and none of its consequences."
    yield "- A syntax error in one file leaves the findings of the others as they are; upstream's script dies."


def _numbers(numbers: Iterable[int]) -> str:
    listed = ", ".join(f"#{number}" for number in sorted(numbers))
    return f" ({listed})" if listed else ""


def main() -> int:
    """Run the comparison from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the page there instead of printing it")
    arguments = parser.parse_args()
    result = compare(read_corpus(arguments.corpus))
    page = as_markdown(result)
    if arguments.write:
        arguments.write.write_text(page, encoding="utf-8")
    else:
        print(page)
    return 0 if result.holds else 1


if __name__ == "__main__":
    sys.exit(main())
