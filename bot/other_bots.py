"""Other bots on a repository that do a part of our work, and who should yield: decided from what was seen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.labels import WORKFLOW_LABELS, Label

_USES = re.compile(r"^\s*-?\s*uses:\s*[\"']?([A-Za-z0-9][\w.-]*/[\w.-]+)", re.MULTILINE)
_OUR_LABELS = frozenset({*WORKFLOW_LABELS, *(str(label) for label in Label)})
_LABEL_KEY = re.compile(r"^[\"']?([A-Za-z0-9][\w -]*?)[\"']?\s*:", re.MULTILINE)

_SIGN_OFF_ACTIONS = frozenset({"tim-actions/dco", "christophebedard/dco-check", "kineticcafe/actions-dco"})
_LABEL_ACTIONS = frozenset({"actions/labeler", "srvaroa/labeler", "fuxingloh/multi-labeler"})
_STALE_ACTIONS = frozenset({"actions/stale"})
_GREETING_ACTIONS = frozenset({"actions/first-interaction"})
_MERGE_ACTIONS = frozenset({"pascalgn/automerge-action", "peter-evans/enable-pull-request-automerge"})
_SIGN_OFF_APPS = frozenset({"dco", "dco-2"})
_MERGE_APPS = frozenset({"mergify", "kodiakhq"})


@dataclass(frozen=True, slots=True)
class SeenThere:
    """What was found on a repository: files by path with their text, Apps by name with a check run of theirs."""

    files: Mapping[str, str] = field(default_factory=dict)
    apps: Mapping[str, str] = field(default_factory=dict)

    def uses(self, actions: frozenset[str]) -> list[str]:
        """Return the workflows that use one of these actions."""
        return [
            f"{path} (uses {name})"
            for path, text in sorted(self.files.items())
            if path.startswith(".github/workflows/")
            for name in dict.fromkeys(_USES.findall(text))
            if name.lower() in actions
        ]

    def has(self, *paths: str) -> list[str]:
        """Return those of these files that are there."""
        return [path for path in paths if path in self.files]

    def apps_of(self, slugs: frozenset[str]) -> list[str]:
        """Return the Apps of these names that set checks on pull requests."""
        return [
            f'check "{run}" of the App {slug}' for slug, run in sorted(self.apps.items()) if slug.lower() in slugs
        ]


@dataclass(frozen=True, slots=True)
class OtherBot:
    """One of them: what it does, where that was seen, who yields, and how; with the lines if we should instead."""

    what: str
    seen_in: tuple[str, ...]
    proposal: str
    policy: str  # lines of .github/taxonomy-bot.yml by which we yield; empty: we need not


def other_bots(seen: SeenThere) -> tuple[OtherBot, ...]:
    """Return the bots that would say or do the same as we, each with a proposal."""
    return tuple(_found(seen))


def _found(seen: SeenThere) -> Iterator[OtherBot]:
    if places := [*seen.apps_of(_SIGN_OFF_APPS), *seen.has(".github/dco.yml"), *seen.uses(_SIGN_OFF_ACTIONS)]:
        yield OtherBot(
            "Sign-off (DCO)",
            tuple(places),
            "It yields: require our check Sign-off instead of its check in the branch's rules, then uninstall it. "
            "Ours says how to sign off what is missing, and takes remediation commits.",
            "dco:\n  enabled: false",
        )
    if places := [*seen.has(".github/labeler.yml", ".github/labeler.yaml"), *seen.uses(_LABEL_ACTIONS)]:
        yield _labeler(seen, places)
    if places := [*seen.has(".github/stale.yml"), *seen.uses(_STALE_ACTIONS)]:
        yield OtherBot(
            "Stale pull requests",
            tuple(places),
            "It yields for pull requests and keeps issues: `days-before-pr-stale: -1` and "
            "`days-before-pr-close: -1` for actions/stale, `only: issues` in .github/stale.yml. It counts days "
            "whoever is to act; we count only those that wait for the author.",
            "care:\n  stale_days: 36500  # a hundred years: never",
        )
    if places := seen.uses(_GREETING_ACTIONS):
        yield OtherBot(
            "Greeting newcomers",
            tuple(places),
            "It yields: our first comment greets, and says what comes next.",
            "messages:\n  welcome: false",
        )
    merge_files = (
        ".mergify.yml",
        ".github/mergify.yml",
        ".mergify/config.yml",
        ".kodiak.toml",
        ".github/.kodiak.toml",
    )
    if places := [*seen.has(*merge_files), *seen.apps_of(_MERGE_APPS), *seen.uses(_MERGE_ACTIONS)]:
        yield OtherBot(
            "Merging",
            tuple(places),
            "It yields for what changes skills or knowledge: only one may merge, and it does not know our "
            "approvals. Where it has to stay, require our check Merge readiness.",
            "merging:\n  automatic: false",
        )


def _labeler(seen: SeenThere, places: list[str]) -> OtherBot:
    texts = [seen.files[path] for path in seen.has(".github/labeler.yml", ".github/labeler.yaml")]
    both = sorted({name for text in texts for name in _LABEL_KEY.findall(text)} & _OUR_LABELS)
    if both:
        proposal = (
            f"It yields for what we set, too: take {', '.join(both)} out of its file, else each takes off what the "
            "other puts on. Its other labels are no matter of ours."
        )
    else:
        proposal = "Both stay: it sets other labels than we. Keep ours out of its file."
    return OtherBot("Labels by paths", tuple(places), proposal, "")
