"""Answers that take a look beyond the records: what one rule says, mechanical fixes, batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.actions import Reply
from bot.apply import Writer
from bot.batches import Batches, Changed
from bot.clock import Clock
from bot.command_desk import AfterOrders
from bot.commands.situation import ConfirmBatch, PreviewBatch, ShowFixes, ShowRule
from bot.comments.causes import Links, headline, in_full
from bot.comments.escape import block, code
from bot.comments.markers import MarkerSigner
from bot.events import Written
from bot.github.client import GitHubApp
from bot.github.pulls import PullReader
from bot.look import Look, Looks
from checks.findings import CauseGroup, Finding, Suggestion, by_cause
from checks.registry import get_rule

_MOST_FIXES = 30
_MOST_BYTES = 60_000  # GitHub takes 65,536 characters
_MOST_PART_BYTES = 20_000
_HEADLINE_WORDS = 60


@dataclass(frozen=True, slots=True)
class Given:
    """The answers to one text: what to say, what was changed for it, the batches that are over once it is said."""

    texts: tuple[str, ...] = ()
    changed: tuple[Changed, ...] = ()
    batches: tuple[str, ...] = ()


class Answers:
    """Gives answers, all of one text in one reply."""

    def __init__(
        self, app: GitHubApp, looks: Looks, batches: Batches, signer: MarkerSigner, clock: Clock, *, web_url: str
    ) -> None:
        self._app = app
        self._looks = looks
        self._batches = batches
        self._signer = signer
        self._clock = clock
        self._web_url = web_url.rstrip("/")

    async def give(self, written: Written, left: AfterOrders) -> Given:
        """Return the answers. The caller holds no lock: batches take those of other pull requests."""
        looking = [effect for effect in left.to_answer if isinstance(effect, ShowRule | ShowFixes)]
        texts = await self._looked_at(written, looking) if looking else []
        asked = [effect for effect in left.to_answer if isinstance(effect, PreviewBatch | ConfirmBatch)]
        if len(asked) > 1:
            texts.append("Only the first `/batch` of a comment is read: give each a comment of its own.")
        match asked[:1]:
            case [PreviewBatch() as preview]:
                texts.append(await self._batches.preview(written, preview))
            case [ConfirmBatch(confirmation)]:
                confirmed = await self._batches.confirm(written, confirmation)
                over = (confirmed.code,) if confirmed.code else ()
                return Given((*texts, confirmed.text), confirmed.changed, over)
        return Given(tuple(texts))

    async def say(self, written: Written, given: Given) -> None:
        """Write the reply, unless an earlier try has written it."""
        client = self._app.installation(written.origin.installation_id)
        pull = await PullReader(client, written.origin.full_name).pull(written.number)
        checks_url = f"{self._web_url}/{pull.repository}/pull/{pull.number}/checks"
        marker = self._signer.reply_marker(f"{written.source}:answer", written.origin.repository_id, written.number)
        body = _fitted(given.texts, checks_url)
        await Writer(client, pull, self._clock).apply([Reply(body, marker)] if body else [])
        await self._batches.finish(written, given.batches)

    async def _looked_at(self, written: Written, looking: Iterable[ShowRule | ShowFixes]) -> list[str]:
        """Return what a look at the newest commit tells."""
        client = self._app.installation(written.origin.installation_id)
        reader = PullReader(client, written.origin.full_name)
        pull = await reader.pull(written.number)
        look = await self._looks.at(reader, written.origin.repository_id, pull)
        links = Links(f"{self._web_url}/{pull.repository}", pull.head_sha, look.facts.policy.messages.rules_url)
        return [
            text
            for effect in looking
            for text in (
                _about_rule(look, effect.rule, links) if isinstance(effect, ShowRule) else _fixes(look, links)
            )
        ]


def _about_rule(look: Look, rule: str, links: Links) -> Iterator[str]:
    """Yield what a rule, or one of its causes, says: a text for each cause."""
    verdict, known = look.judgement.verdict, get_rule(rule.partition("/")[0])
    if any(crash.rule == known.id for crash in verdict.crashes) or known.check in verdict.not_judged:
        yield f"{code(rule)} could not be checked on {code(links.head_sha[:7])}: that is our fault."
        return
    found = [f for f in verdict.findings if rule in (f.rule, f.cause.id)]
    if not found:
        yield f"{code(rule)} has nothing to say about {code(links.head_sha[:7])}."
    yield from (_about_cause(group, links) for group in by_cause(found))


def _about_cause(group: CauseGroup, links: Links) -> str:
    full = in_full(group, links)
    return full if len(full.encode()) <= _MOST_PART_BYTES else headline(group, links, _HEADLINE_WORDS)


def _fixes(look: Look, links: Links) -> Iterator[str]:
    """Yield what can be put right mechanically: a text for each place."""
    fixable = [(f, f.suggestion) for f in look.judgement.verdict.findings if f.suggestion and f.path]
    if not fixable:
        yield f"There is nothing at {code(links.head_sha[:7])} that can be put right mechanically."
        return
    yield "What can be put right mechanically, to paste over the lines named:"
    for finding, fix in fixable[:_MOST_FIXES]:
        yield _fix(finding, fix, links)
    rest = len(fixable) - _MOST_FIXES
    if rest > 0:
        yield f"… and {rest} more, once these are in."


def _fix(finding: Finding, fix: Suggestion, links: Links) -> str:
    last = f" to {fix.last_line}" if fix.last_line != fix.first_line else ""
    text = f"{links.place(finding)}{last}:\n\n{block(chr(10).join(fix.lines), 'yaml')}"
    if len(text.encode()) <= _MOST_PART_BYTES:
        return text
    return f"{links.place(finding)}{last}: the notes beside the lines show how; it is too long for a comment."


def _fitted(texts: Sequence[str], checks_url: str) -> str:
    """Join the texts; those that do not fit into a comment are left to the Checks tab."""
    kept: list[str] = []
    room = _MOST_BYTES
    for text in texts:
        room -= len(text.encode()) + 2
        if room < 0:
            kept.append(f"The rest does not fit in here: [the Checks tab]({checks_url}) lists everything.")
            break
        kept.append(text)
    return "\n\n".join(kept)
