"""One check of a checkout, from what was asked for to the report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from checks.checkout import CannotCheckError, Facts, Survey, gather, survey
from checks.checkout_neighbours import with_neighbours
from checks.contribution import Contribution
from checks.document_resolving import fetch_or_offer
from checks.document_terms import DocumentReach
from checks.findings import Verdict
from checks.gentleness import midnight, rule_set
from checks.leaf_documents import fetch_all, references_of
from checks.local_fix import Mending
from checks.local_git import GitError, read_worktree_file
from checks.policy import POLICY_PATH, Policy, PolicyError, default_policy, read_policy
from checks.registry import Rule, UnknownRuleError, all_rules, get_rule
from checks.report.content import Report
from checks.report.sign_off import advice_lines
from checks.run import judge

_DUPLICATES = "duplicates"
_POLICY_MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Online:
    """Which git servers of an own network are accepted though they are not public, and whom they are trusted by."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What to check, by which rules; an empty `rules` means all of them."""

    paths: tuple[Path, ...] = ()
    base: str | None = None
    author: str | None = None
    policy_file: Path | None = None
    rules: tuple[str, ...] = ()
    notices: bool = False
    on: date | None = None  # the day whose rules count; None: today
    online: Online | None = None  # how documents are fetched; None: nobody is asked


def answer(question: Question, mending: Mending | None = None) -> Report:
    """Check, and return the report. Raises CannotCheckError where that is impossible.

    With a `mending` what is mechanical is put right first, and the report is on what is left.
    """
    started = time.perf_counter()
    rules = [named_rule(name) for name in question.rules]
    asked = survey(question.paths, question.base)
    policy = _policy(question.policy_file, asked)
    facts = gather(asked, policy.limits.file_bytes, question.author)
    if not facts.contribution.files and question.base is None:
        return _nothing(question, asked, facts, policy)
    if question.online is not None:
        facts = _with_documents(facts, question.online, policy)
    if mending is not None:
        facts = mending.mend(asked, facts, policy, rules)
        if question.online is not None and mending.done:
            facts = _with_documents(facts, question.online, policy)
    facts = with_neighbours(asked, facts) if _is_asked_for(_DUPLICATES, rules) else facts
    moment = midnight(question.on) if question.on else datetime.now(UTC)
    verdict = rule_set(policy, moment).applied(judge(facts.contribution, policy, rules or None))
    took_s = time.perf_counter() - started
    advice = _advice(verdict, facts.contribution, policy)
    return Report(verdict, facts, policy.messages.rules_url, took_s, question.notices, advice)


def _is_asked_for(rule_id: str, rules: Sequence[Rule]) -> bool:
    return not rules or any(rule.id == rule_id for rule in rules)


def _with_documents(facts: Facts, online: Online, policy: Policy) -> Facts:
    """Return the facts with what the leaves' documents were found to be."""
    reach = DocumentReach.of(policy, online.networks, online.ca_file)
    references = references_of(facts.contribution.leaves)
    documents = fetch_all(references, lambda reference: fetch_or_offer(reference, reach))
    return replace(facts, contribution=replace(facts.contribution, documents=documents))


def named_rule(name: str) -> Rule:
    """Return a rule by its id. Raises CannotCheckError with the nearest name."""
    try:
        return get_rule(name)
    except UnknownRuleError as error:
        raise CannotCheckError(str(error), f"The rules are: {', '.join(all_rules())}.") from None


def _nothing(question: Question, asked: Survey, facts: Facts, policy: Policy) -> Report:
    if question.paths:
        names = ", ".join(f'"{path}"' for path in question.paths)
        raise CannotCheckError(
            f"There is nothing to check in {names}.",
            "Name a qna.yaml, or a folder that holds one.",
            "Only files below knowledge, compositional_skills and foundational_skills are checked.",
        )
    if asked.branch is None:
        raise CannotCheckError(
            "There is nothing to check here yet.",
            "Add a folder with a qna.yaml and an attribution.txt below knowledge or compositional_skills.",
            f"{asked.top} holds no file of a taxonomy.",
        )
    return Report(Verdict(()), facts, policy.messages.rules_url, idle=True)


def _advice(verdict: Verdict, contribution: Contribution, policy: Policy) -> tuple[str, ...]:
    if not any(finding.rule == "dco" for finding in verdict.findings):
        return ()
    return advice_lines(contribution, policy)


def _policy(file: Path | None, asked: Survey) -> Policy:
    """Read the rules: the file named, else the base's own, else the one that lies there.

    A branch is judged by the rules of its base, as on GitHub: it cannot bring its own.
    """
    if file is not None:
        return _read(_bytes_of(file), str(file))
    if asked.branch is not None and asked.repository is not None:
        try:
            blob = asked.repository.blob_at(asked.branch.base, POLICY_PATH, _POLICY_MAX_BYTES)
        except GitError as error:
            raise _unreadable(POLICY_PATH, str(error)) from None
        return default_policy() if blob is None else _read(blob.content, f"{asked.branch.base_name}:{POLICY_PATH}")
    found = read_worktree_file(asked.top, POLICY_PATH, _POLICY_MAX_BYTES)
    return default_policy() if found is None else _read(found[1].content, POLICY_PATH)


def _bytes_of(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_POLICY_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unreadable(str(file), reason) from None


def _read(content: bytes | None, name: str) -> Policy:
    if content is None or len(content) > _POLICY_MAX_BYTES:
        raise _unreadable(name, "It is no ordinary file, or far too large for one.")
    try:
        return read_policy(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _unreadable(name, f"Byte {error.start + 1} is not UTF-8.") from None
    except PolicyError as error:
        raise CannotCheckError(
            f'The rules file "{name}" has mistakes, so nothing was checked.',
            "Put these lines right; docs/policy.md explains every key.",
            "\n".join(_problem_lines(name, error)),
        ) from None


def _problem_lines(name: str, error: PolicyError) -> Sequence[str]:
    return [f"{name}:{p.line}:{p.column}: {p.message}" for p in error.problems]


def _unreadable(name: str, reason: str) -> CannotCheckError:
    return CannotCheckError(
        f'The rules file "{name}" cannot be read.', "Name another one with --policy FILE, or leave it out.", reason
    )
