"""Trying models: one question, answered by the base model, by an adapter of a pull request, and by a build."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from bot.dashboard.headers import safe_headers
from bot.dashboard.registry import REPOSITORY, Sees, deed, page
from bot.dashboard.try_facts import Asked, Offer, offered, respondents
from bot.dashboard.visit import BadRequestError, Shown, SignInError, Visit
from bot.store.desk_log import AuditEntry, DeskLog
from bot.trying import LONGEST_QUESTION, Sign, Stage, TryRefusedError

_PATH = REPOSITORY + "/try"
_STREAM = "text/event-stream"
_NOBODY = "Nobody is chosen: choose at least one model."


@dataclass(frozen=True, slots=True)
class Answer:
    """A column of the page: who was asked, and what came."""

    asked: Asked
    text: str = ""
    stage: str = ""
    words: str = ""


@page(_PATH, "Try it", sees=Sees.TRIAGERS, menu=60)
async def try_page(visit: Visit) -> Shown:
    """Show the form, and a column for each of those who are asked."""
    offer = await offered(visit, visit.request.query)
    return _shown(offer, tuple(Answer(asked) for asked in offer.asked))


@deed(_PATH, sees=Sees.TRIAGERS)
async def ask(visit: Visit) -> Shown | web.StreamResponse:
    """Ask, and send the answers as they come; to a browser without scripts all of them at the end."""
    sent = {name: value for name, value in (await visit.request.post()).items() if isinstance(value, str)}
    offer = await offered(visit, sent)
    question = sent.get("question", "").replace("\r\n", "\n").strip()
    is_streamed = _STREAM in visit.request.headers.get("Accept", "")
    try:
        _check(question, offer)
        with visit.house.try_room.admitted(_session_of(visit)):
            await _note(visit, offer)
            if is_streamed:
                return await _streamed(visit, question, offer)
            return _shown(offer, await _gathered(visit, question, offer), question)
    except TryRefusedError as error:
        if is_streamed:
            return web.Response(text=_event("refused", {"words": str(error)}), headers=_headers(visit))
        return _shown(offer, tuple(Answer(asked) for asked in offer.asked), question, str(error))


def _check(question: str, offer: Offer) -> None:
    """Raise TryRefusedError for what cannot be asked."""
    if not question:
        raise TryRefusedError("Write a question first.")
    if len(question) > LONGEST_QUESTION:
        raise TryRefusedError(f"A question has at most {LONGEST_QUESTION:,} characters. Shorten it.")
    if not offer.asked:
        raise TryRefusedError(_NOBODY)


def _session_of(visit: Visit) -> int:
    if visit.session is None:
        raise SignInError("Sign in first: models are asked in your name.")
    return visit.session.user_id


async def _note(visit: Visit, offer: Offer) -> None:
    """Write down who asks which models; what they ask stands nowhere."""
    session = visit.session
    if session is None:
        raise BadRequestError("Nobody is signed in.")
    names = [
        offer.adapter.name if each.key == "adapter" and offer.adapter else each.heading for each in offer.asked
    ]
    number = offer.adapter.number if offer.adapter else 0
    await DeskLog(visit.house.engine).add(
        AuditEntry(
            visit.repository_id,
            number,
            visit.now,
            session.user_id,
            session.login,
            visit.access.role.name.lower(),
            "try",
            ", ".join(names),
            "",
            "done",
            f"page:try:{uuid.uuid4().hex}",
        )
    )


async def _gathered(visit: Visit, question: str, offer: Offer) -> tuple[Answer, ...]:
    texts: defaultdict[str, str] = defaultdict(str)
    last: dict[str, Sign] = {}
    async with contextlib.aclosing(visit.house.try_room.answers(question, respondents(visit, offer))) as signs:
        async for sign in signs:
            texts[sign.key] += sign.text
            if sign.stage is not None:
                last[sign.key] = sign
    return tuple(
        Answer(asked, texts[asked.key], last[asked.key].stage or "", last[asked.key].words) for asked in offer.asked
    )


async def _streamed(visit: Visit, question: str, offer: Offer) -> web.StreamResponse:
    """Send events: who is asked, what each says, and how each ended."""
    response = web.StreamResponse(headers=_headers(visit))
    await response.prepare(visit.request)
    columns = [{"key": asked.key, "heading": asked.heading} for asked in offer.asked]
    with contextlib.suppress(ConnectionError, aiohttp.ClientConnectionError):  # they went away: so do we
        await response.write(_event("asked", columns).encode())
        async with contextlib.aclosing(visit.house.try_room.answers(question, respondents(visit, offer))) as signs:
            async for sign in signs:
                if sign.text:
                    await response.write(_event("text", {"key": sign.key, "text": sign.text}).encode())
                if sign.stage is not None:
                    told = {"key": sign.key, "stage": sign.stage.value, "words": sign.words}
                    await response.write(_event("stage", told).encode())
        await response.write(_event("over", {}).encode())
        await response.write_eof()
    return response


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _headers(visit: Visit) -> Mapping[str, str]:
    is_https = visit.house.settings.public_url.startswith("https://")
    return {
        **safe_headers(is_https=is_https),
        "Content-Type": f"{_STREAM}; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # a proxy that gathers what it passes on would show answers late
    }


def _shown(offer: Offer, answers: tuple[Answer, ...], question: str = "", problem: str = "") -> Shown:
    facts = {
        "offer": offer,
        "answers": answers,
        "question": question,
        "problem": problem,
        "longest": LONGEST_QUESTION,
        "kinds": {Stage.DONE: "good", Stage.FAILED: "bad"},
    }
    return Shown("try.html", facts, "Try it")
