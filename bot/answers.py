"""Answers that take a look at the newest commit: what one rule says of it, and its mechanical fixes."""

from __future__ import annotations

from collections.abc import Sequence

from bot.actions import Reply
from bot.apply import Writer
from bot.clock import Clock
from bot.command_desk import AfterOrders
from bot.commands.situation import ConfirmBatch, PreviewBatch, ShowFixes, ShowRule
from bot.comments.causes import Links, in_full
from bot.comments.escape import block, code
from bot.comments.markers import MarkerSigner
from bot.events import Written
from bot.github.client import GitHubApp
from bot.github.pulls import PullReader
from bot.look import Look, Looks
from checks.findings import Finding, Suggestion, by_cause

_MOST_FIXES = 30


class Answers:
    """Gives answers, all of one text in one reply."""

    def __init__(self, app: GitHubApp, looks: Looks, signer: MarkerSigner, clock: Clock, *, web_url: str) -> None:
        self._app = app
        self._looks = looks
        self._signer = signer
        self._clock = clock
        self._web_url = web_url.rstrip("/")

    async def give(self, written: Written, left: AfterOrders) -> tuple[list[str], list[int]]:
        """Return what to say, and the pull requests that were changed for it."""
        client = self._app.installation(written.origin.installation_id)
        reader = PullReader(client, written.origin.full_name)
        pull = await reader.pull(written.number)
        look = await self._looks.at(reader, written.origin.repository_id, pull)
        links = Links(f"{self._web_url}/{pull.repository}", pull.head_sha, look.facts.policy.messages.rules_url)
        texts = []
        for effect in left.to_answer:
            match effect:
                case ShowRule(rule):
                    texts.append(_about_rule(look, rule, links))
                case ShowFixes():
                    texts.append(_fixes(look, links))
                case PreviewBatch() | ConfirmBatch():
                    pass
        return texts, []

    async def say(self, written: Written, texts: Sequence[str]) -> None:
        """Write the reply, unless an earlier try has written it."""
        if not texts:
            return
        client = self._app.installation(written.origin.installation_id)
        pull = await PullReader(client, written.origin.full_name).pull(written.number)
        marker = self._signer.reply_marker(f"{written.source}:answer", written.origin.repository_id, written.number)
        await Writer(client, pull, self._clock).apply([Reply("\n\n".join(texts), marker)])


def _about_rule(look: Look, rule: str, links: Links) -> str:
    verdict = look.judgement.verdict
    if any(crash.rule == rule for crash in verdict.crashes) or verdict.not_judged:
        return f"{code(rule)} could not be checked on {code(links.head_sha[:7])}: that is our fault."
    found = [f for f in verdict.findings if rule in (f.rule, f.cause.id)]
    if not found:
        return f"{code(rule)} has nothing to say about {code(links.head_sha[:7])}."
    return "\n\n---\n\n".join(in_full(group, links) for group in by_cause(found))


def _fixes(look: Look, links: Links) -> str:
    fixable = [(f, f.suggestion) for f in look.judgement.verdict.findings if f.suggestion and f.path]
    if not fixable:
        return f"There is nothing at {code(links.head_sha[:7])} that can be put right mechanically."
    shown = "\n\n".join(_fix(finding, fix, links) for finding, fix in fixable[:_MOST_FIXES])
    rest = len(fixable) - _MOST_FIXES
    more = f"\n\n… and {rest} more, once these are in." if rest > 0 else ""
    return f"What can be put right mechanically, to paste over the lines named:\n\n{shown}{more}"


def _fix(finding: Finding, fix: Suggestion, links: Links) -> str:
    last = f" to {fix.last_line}" if fix.last_line != fix.first_line else ""
    return f"{links.place(finding)}{last}:\n\n{block(chr(10).join(fix.lines), 'yaml')}"
