"""How a rule announces itself, and how all of them are found: one module in `checks/rules/` a rule."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

from checks.contribution import Contribution
from checks.findings import Cause, Check, Finding, RuleId
from checks.policy import Policy

Find = Callable[[Contribution, Policy], Iterable[Finding]]


class DuplicateRuleError(Exception):
    """Two rules or causes share an id: a mistake in this code, found at start-up."""


class UnknownRuleError(Exception):
    """No rule has this id; `suggestion` is the nearest one that exists, if any is near."""

    def __init__(self, rule_id: str, suggestion: str | None) -> None:
        hint = f' Did you mean "{suggestion}"?' if suggestion else ""
        super().__init__(f'There is no rule "{rule_id}".{hint}')
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its id, its place in people's reading order, its causes, and the pure function itself.

    A rule that is not `switchable` keeps its weight whatever a community's policy says.
    """

    id: RuleId
    title: str
    why: str
    check: Check
    order: int
    causes: tuple[Cause, ...]
    find: Find
    switchable: bool = True
    since: date | None = None

    def released(self, cause: Cause) -> date | None:
        """Return the day on which a cause was new or became stricter; None for what was always there.

        What cannot be switched protects people: it has its whole weight from the first day.
        """
        return (cause.since or self.since) if self.switchable else None


def rule(
    rule_id: str,
    *,
    title: str,
    why: str,
    causes: Iterable[Cause],
    order: int,
    check: Check = Check.CONTRIBUTION,
    switchable: bool = True,
    since: date | None = None,
) -> Callable[[Find], Rule]:
    """Turn a pure function `(Contribution, Policy) -> Iterable[Finding]` into a rule.

    `title` states what must hold ("Every commit is signed off"), `why` the reason in a sentence or two;
    both go into the published rule book. `order` sorts rules for reading: what must be fixed first is low.
    `switchable=False` is for rules that tell what could not be judged, or that protect those who judge.
    `since` is the day of release of a rule that is new, for all its causes that do not name a day of their own.
    """
    own = tuple(causes)
    for cause in own:
        if cause.rule != rule_id:
            raise DuplicateRuleError(f'the cause "{cause.id}" does not belong to the rule "{rule_id}"')

    def bind(find: Find) -> Rule:
        return Rule(RuleId(rule_id), title, why, check, order, own, find, switchable, since)

    return bind


@cache
def all_rules() -> Mapping[RuleId, Rule]:
    """Return every rule by id, in reading order. Raises DuplicateRuleError for ids used twice."""
    package = importlib.import_module("checks.rules")
    found: dict[RuleId, Rule] = {}
    cause_ids: set[str] = set()
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if not isinstance(value, Rule) or found.get(value.id) is value:
                continue
            if value.id in found:
                raise DuplicateRuleError(f'two rules are called "{value.id}"')
            for cause in value.causes:
                if cause.id in cause_ids:
                    raise DuplicateRuleError(f'two causes are called "{cause.id}"')
                cause_ids.add(cause.id)
            found[value.id] = value
    ordered = sorted(found.values(), key=lambda r: (r.order, r.id))
    return MappingProxyType({r.id: r for r in ordered})


@cache
def release_days() -> Mapping[str, date]:
    """Return the day of release of every cause that has one, by id."""
    every = ((cause.id, rule.released(cause)) for rule in all_rules().values() for cause in rule.causes)
    return MappingProxyType({identifier: day for identifier, day in every if day is not None})


def get_rule(rule_id: str) -> Rule:
    """Return the rule called `rule_id`. Raises UnknownRuleError, which suggests the nearest name."""
    rules = all_rules()
    known = rules.get(RuleId(rule_id))
    if known is None:
        near = difflib.get_close_matches(rule_id, rules, n=1)
        raise UnknownRuleError(rule_id, near[0] if near else None)
    return known
