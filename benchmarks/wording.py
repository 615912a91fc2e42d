"""Measures the rules that read words, over leaves that this project has written and labelled.

Run `python -m benchmarks.wording [PULL_REQUESTS.jsonl] [--misses]`. For topics, machine-written text and leaves in
the wrong tree it prints precision and recall, on the half that was tuned on and on the half that was only measured.
With recorded pull requests it lists which of them each rule touches. Exits 1 where precision is below the goal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.corpus import read_corpus
from checks.contribution import ChangedFile, Contribution, read_contribution
from checks.findings import Finding
from checks.policy import default_policy
from checks.registry import get_rule

DATA = Path(__file__).parent / "data" / "wording"
HALVES = ("tuned", "measured")
RULES = {"topics": "topics", "machine": "machine-written", "mixup": "mixup"}
TOUCHING = ("topics", "machine-written", "mixup", "examples")
GOAL = 0.9


@dataclass(frozen=True, slots=True)
class Case:
    """A labelled leaf, and what is expected of its rule."""

    want: str
    contribution: Contribution


@dataclass(frozen=True, slots=True)
class Score:
    """How often a rule was right. `named` counts the hits that also named what was expected."""

    hits: int
    false_alarms: int
    misses: int
    named: int

    @property
    def precision(self) -> float:
        """The share of what was told that was right."""
        told = self.hits + self.false_alarms
        return self.hits / told if told else 1.0

    @property
    def recall(self) -> float:
        """The share of what should be told that was told."""
        return self.hits / (self.hits + self.misses)


def read_cases(name: str) -> list[Case]:
    """Read a file of labelled leaves, such as "topics_tuned"."""
    items = yaml.safe_load((DATA / f"{name}.yaml").read_text(encoding="utf-8"))
    return [Case(str(item["want"]), _contribution(item)) for item in items]


def measure(name: str, half: str, tell: Callable[[str], None] = lambda _: None) -> Score:
    """Ask a rule about one half of its leaves; `tell` hears of each mistake."""
    rule, policy = get_rule(RULES[name]), default_policy()
    hits = false_alarms = misses = named = 0
    for case in read_cases(f"{name}_{half}"):
        found = list(rule.find(case.contribution, policy))
        path = case.contribution.leaves[0].file.folder
        if case.want == "none":
            false_alarms += bool(found)
            if found:
                tell(f"  false alarm: {path}: {found[0].message}")
        elif found:
            hits += 1
            named += _names(found, case.want)
            if not _names(found, case.want):
                tell(f"  named otherwise: {path}: {found[0].message}")
        else:
            misses += 1
            tell(f"  missed: {path}: {case.want}")
    return Score(hits, false_alarms, misses, named)


def _names(found: Iterable[Finding], want: str) -> bool:
    return want == "machine" or any(
        f"/topic {want}`" in f.remedy or f.cause.id.startswith(f"mixup/{want}") for f in found
    )


def _contribution(item: dict[str, Any]) -> Contribution:
    path = item["path"] if item["path"].startswith("knowledge/") else f"compositional_skills/{item['path']}"
    pairs = [
        {"question": question, "answer": answer}
        for question, answer in zip(item["qa"][::2], item["qa"][1::2], strict=True)
    ]
    leaf: dict[str, Any] = {"version": 3, "created_by": "ana"}
    if path.startswith("knowledge/"):
        leaf["seed_examples"] = [{"context": "From the document.", "questions_and_answers": pairs}]
    else:
        given = {"context": item["context"]} if "context" in item else {}
        leaf |= {"task_description": item["task"], "seed_examples": [given | pair for pair in pairs]}
    comment = f"# {item['comment']}\n" if "comment" in item else ""
    text = comment + yaml.safe_dump(leaf, sort_keys=False, allow_unicode=True)
    files = [_file(f"{path}/qna.yaml", text)]
    if "attribution" in item:
        files.append(_file(f"{path}/attribution.txt", item["attribution"]))
    return read_contribution(files)


def _file(path: str, text: str) -> ChangedFile:
    return ChangedFile(path, content=text.encode(), size=len(text.encode()))


def touched(corpus: Path) -> dict[str, list[tuple[int, str]]]:
    """Return which recorded pull requests each rule touches, with what it says first."""
    found: dict[str, list[tuple[int, str]]] = {name: [] for name in TOUCHING}
    policy = default_policy()
    for pull_request in read_corpus(corpus):
        contribution = pull_request.contribution()
        for name in TOUCHING:
            findings = list(get_rule(name).find(contribution, policy))
            if findings:
                found[name].append((pull_request.number, f"{findings[0].cause.id}: {findings[0].message}"))
    return found


def main(arguments: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--misses", action="store_true", help="name every mistake of the half that is tuned on")
    asked = parser.parse_args(arguments)
    worst = 1.0
    print("| rule | half | leaves right to tell | told | precision | recall | named as labelled |")
    print("|---|---|---:|---:|---:|---:|---:|")
    mistakes: list[str] = []
    for name in RULES:
        for half in HALVES:
            score = measure(name, half, mistakes.append if half == "tuned" else lambda _: None)
            worst = min(worst, score.precision)
            told = score.hits + score.false_alarms
            print(
                f"| {RULES[name]} | {half} | {score.hits + score.misses} | {told} | {score.precision:.2f} "
                f"| {score.recall:.2f} | {score.named} of {score.hits} |"
            )
    if asked.misses:
        print("\n".join(mistakes))
    if asked.corpus:
        for name, pulls in touched(asked.corpus).items():
            print(f"\n{name} touches {len(pulls)} recorded pull requests:")
            print("\n".join(f"  {number}: {said}" for number, said in pulls))
    return 0 if worst >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
