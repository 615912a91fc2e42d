"""No file of a size that is read, whatever it holds, keeps a rule busy for long or fills a report."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from checks import sign_offs
from checks.contribution import ChangedFile, Commit, Identity, Sha, read_contribution
from checks.findings import Cause, Finding, Severity
from checks.policy import default_policy
from checks.registry import all_rules
from checks.run import MOST_PER_FILE, capped, judge
from tests.checks.contributions import KNOWLEDGE_PATH, a_knowledge, a_skill, attribution, findings_of, skill_of

LONGEST_S = 2.0  # of processor time; the slowest takes half of it
SIZE = 1_000_000
ATTRIBUTION_PATH = KNOWLEDGE_PATH.replace("qna.yaml", "attribution.txt")
HEAD = "version: 3\ncreated_by: ana\ndomain: birds\nseed_examples:\n  - context: |\n      "

CONTEXTS = {
    "zero-width spaces": "\u200b",
    "at signs": "a@",
    "single digits": "1 ",
    "digits and dashes": "12-",
    "whole tokens": f"eyJ{'a' * 20}.eyJ{'b' * 20}.{'c' * 20} ",
    "beginnings of private keys": "-----BEGIN A B C PRIVATE KEY-----",
    "bank accounts": "DE00 AAAA ",
    "lines of sums": "9 - 9 " * 16 + "\n      ",
}
LEAVES = {
    "a quoted text that never ends": 'a: "' + "b " * (SIZE // 2),
    "escaped addresses": "seed_examples:\n" + '- "\\u0061@b.org"\n' * 40_000,
    "many seed examples": "version: 3\nseed_examples:\n" + "- question: q\n  answer: a\n" * 9_000,
    "seed examples that are numbers": "version: 3\nseed_examples:\n" + "- 1\n" * 40_000,
    "byte order marks": "\ufeff" * 300_000,
    "quotations that never end": "version: 3\nseed_examples:\n"
    + "".join(f"- question: {n} {'“' * 8_000}\n  answer: {'“' * 8_000}\n" for n in range(20)),
}
ATTRIBUTIONS = {
    "labels nobody knows": "a: b\n",
    "the same title": "Title: x\n",
    "stars": "*" * 1990 + "a\n",
    "licences in brackets": "License: " + "(MIT AND " * 30 + "\n",
    "licences joined": "License: " + "MIT or " * 40 + "\n",
    "control characters": "\x01",
}


def most(text: str) -> str:
    return (text * (SIZE // len(text) + 1)).encode()[:SIZE].decode(errors="ignore")


def files(leaf: str, beside: str) -> list[ChangedFile]:
    texts = {KNOWLEDGE_PATH: leaf.encode(), ATTRIBUTION_PATH: beside.encode()}
    return [ChangedFile(path, content=content, size=len(content)) for path, content in texts.items()]


CASES = {
    **{f"a leaf of {name}": files(HEAD + most(text) + "\n", attribution()) for name, text in CONTEXTS.items()},
    **{f"a leaf of {name}": files(text, attribution()) for name, text in LEAVES.items()},
    **{f"an attribution of {name}": files(a_knowledge(), most(text)) for name, text in ATTRIBUTIONS.items()},
    "an attribution just short enough": files(a_knowledge(), ("*" * 1990 + "a\n") * 32),
    "as many sources as are read": files(a_knowledge(), "Title of work: x\n" * 2_000),
}


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    "What is loaded once is nobody's fault."
    text = a_skill(task_description="Write to bird@heron.dev or +49 30 1234567, IBAN DE89 3704 0044 0532 0130 00.")
    judge(skill_of(text), default_policy())


@pytest.mark.parametrize("case", CASES)
def test_every_rule_is_quick_on_hostile_text(case: str) -> None:
    contribution = read_contribution(CASES[case], commits=(), author="ana")
    for rule in all_rules().values():
        started = time.process_time()
        found = list(rule.find(contribution, default_policy()))
        took_s = time.process_time() - started
        assert took_s < LONGEST_S, f"{rule.id} took {took_s:.1f} s"
        assert len(found) < 6 * MOST_PER_FILE, f"{rule.id} has {len(found)} findings"


def test_a_report_has_two_hundred_findings_of_a_rule_and_a_file() -> None:
    verdict = judge(read_contribution(files("a:  b\n" * 9_000, "Title of work: x\n" * 2_000)), default_policy())
    counts = Counter((f.rule, f.path) for f in verdict.findings)
    assert max(counts.values()) < MOST_PER_FILE + 10
    assert counts["attribution", ATTRIBUTION_PATH] >= MOST_PER_FILE


def test_what_is_left_out_never_hides_an_error() -> None:
    "Two hundred warnings, and then an error: the error is told."
    small, grave = Cause("lint/a", "A", "W", "R"), Cause("lint/b", "B", "W", "R")
    found = [Finding(small, Severity.WARNING, "Small.", "p")] * 500 + [
        Finding(grave, Severity.ERROR, "Grave.", "p")
    ]
    kept = list(capped(found))
    assert (len(kept), kept[-1].cause) == (MOST_PER_FILE + 1, grave)


def test_lint_tells_errors_behind_many_warnings() -> None:
    text = "a: [b,c]\n" + "".join(f"k{n}:  b\n" for n in range(1_000)) + "last: x  \n"
    assert any(f.severity is Severity.ERROR for f in findings_of("lint", skill_of(text)))


@pytest.mark.parametrize("text", ["x\n" * 2_001, "x" * 65_537])
def test_an_attribution_of_endless_length_is_told_once_and_not_read(text: str) -> None:
    contribution = read_contribution(files(a_knowledge(), "Title of work: x\nLicense of the work: foo\n" + text))
    [finding] = findings_of("attribution", contribution)
    assert (finding.cause.id, finding.severity) == ("attribution/too-long", Severity.ERROR)
    assert findings_of("licences", contribution) == []


MESSAGES = {
    "brackets in a sign-off": "Signed-off-by: " + " <" * 100_000,
    "brackets and a tail": "Signed-off-by: " + " <>" * 100_000 + "x",
    "a third party again and again": "x hereby\nOn behalf of " + " <a>, I, " * 20_000 + ", hereby",
    "many lines": "Signed-off-by: Ana <\n" * 50_000,
}


@pytest.mark.parametrize("case", MESSAGES)
def test_commit_messages_are_read_in_one_go(case: str) -> None:
    me = Identity("Ana Heron", "ana@heron.dev")
    commit = Commit(Sha("a" * 40), MESSAGES[case], me, me)
    started = time.process_time()
    assert not sign_offs.is_signed_off(commit)
    assert list(sign_offs.remediations(commit.message)) == []
    assert time.process_time() - started < 0.5
