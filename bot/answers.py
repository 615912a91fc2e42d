"""Answers that take a look beyond the records: what one rule says, mechanical fixes, batches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.actions import Reply
from bot.apply import Writer
from bot.batches import Batches, Changed
from bot.clock import Clock
from bot.command_desk import AfterOrders
from bot.commands.situation import ConfirmBatch, PreviewBatch, PutRight, ShowRule
from bot.comments.answers import about_rule
from bot.comments.causes import links_of
from bot.comments.markers import MarkerSigner
from bot.comments.replies import ONE_BATCH_ONLY, fitted
from bot.events import Written
from bot.fixing import Fixer, Wish
from bot.github.client import GitHubApp
from bot.github.pulls import PullReader
from bot.look import Looks, left_standing
from bot.store.pardons import PardonStore


@dataclass(frozen=True, slots=True)
class Given:
    """The answers to one text: what to say, what was changed for it, the batches that are over once it is said."""

    texts: tuple[str, ...] = ()
    changed: tuple[Changed, ...] = ()
    batches: tuple[str, ...] = ()


class Answers:
    """Gives answers, all of one text in one reply."""

    def __init__(
        self,
        app: GitHubApp,
        looks: Looks,
        pardons: PardonStore,
        batches: Batches,
        fixer: Fixer,
        signer: MarkerSigner,
        clock: Clock,
        *,
        web_url: str,
    ) -> None:
        self._app = app
        self._looks = looks
        self._pardons = pardons
        self._batches = batches
        self._fixer = fixer
        self._signer = signer
        self._clock = clock
        self._web_url = web_url.rstrip("/")

    async def give(self, written: Written, left: AfterOrders) -> Given:
        """Return the answers. The caller holds no lock: batches take those of other pull requests."""
        looking = [effect for effect in left.to_answer if isinstance(effect, ShowRule)]
        texts = await self._looked_at(written, looking) if looking else []
        if any(isinstance(effect, PutRight) for effect in left.to_answer):
            wish = Wish(written.origin, written.number, written.author, written.source)
            texts += await self._fixer.put_right(wish)
        asked = [effect for effect in left.to_answer if isinstance(effect, PreviewBatch | ConfirmBatch)]
        if len(asked) > 1:
            texts.append(ONE_BATCH_ONLY)
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
        body = fitted(given.texts, checks_url)
        await Writer(client, pull, self._clock).apply([Reply(body, marker)] if body else [])
        await self._batches.finish(written, given.batches)

    async def _looked_at(self, written: Written, looking: Iterable[ShowRule]) -> list[str]:
        """Return what a look at the newest commit tells, less what people have set aside."""
        client = self._app.installation(written.origin.installation_id)
        reader = PullReader(client, written.origin.full_name)
        pull = await reader.pull(written.number)
        look = await self._looks.at(reader, written.origin.repository_id, pull)
        links = links_of(self._web_url, pull, look.facts.policy)
        pardons = await self._pardons.of_content(
            written.origin.repository_id, written.number, look.facts.content_digest
        )
        verdict = left_standing(look.judgement.verdict, pardons)
        return [text for effect in looking for text in about_rule(verdict, effect.rule, links)]
