"""Deciding on a pull request: the buttons, and what has come of the last one that was pressed."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from bot.commands.registry import all_commands
from bot.dashboard.access import account_of
from bot.dashboard.decisions import DECISIONS, LONGEST_WHY, Decision, Field, may
from bot.dashboard.pull_decisions import decisions_of
from bot.dashboard.pull_frame import framed, shown_in
from bot.dashboard.registry import REPOSITORY, Sees, deed, page
from bot.dashboard.visit import BadRequestError, Shown, SignInError, Visit
from bot.page_orders import PageOrder, PageOrders
from bot.store.deliveries import DeliveryStore

_PATH = REPOSITORY + "/pulls/{number}/decisions"
_SHA, _TOKEN, _FORM = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{32}")
_NONSENSE = "This form was not made by this page. Load the page again and choose anew. Nothing was changed."
_UNSURE = (
    "GitHub does not answer just now, so the bot cannot tell what you may do. Nothing was changed; try again in a "
    "minute."
)


@page(_PATH, "Decide", sees=Sees.JUDGED)
async def decisions(visit: Visit) -> Shown:
    """Show what may be decided, and what has come of what was."""
    frame = await framed(visit)
    token, done = visit.request.query.get("order", ""), visit.word("done", DECISIONS)
    receipt = None
    if _TOKEN.fullmatch(token) and done:
        receipt = await _orders(visit).receipt(visit.repository_id, frame.number, token)
    facts = {"receipt": receipt, "decided": DECISIONS.get(done)}
    return shown_in(frame, "/decisions", "decisions.html", facts | await decisions_of(visit, frame))


@deed(_PATH, sees=Sees.JUDGED)
async def decide(visit: Visit) -> web.StreamResponse:
    """Store one decision as an order, and lead to what comes of it."""
    frame = await framed(visit)
    session = visit.session
    if session is None:
        raise SignInError("Sign in first: what you decide is decided in your name.")
    decision = DECISIONS.get(await _sent(visit, "decision"))
    head_sha, form = await _sent(visit, "head_sha"), await _sent(visit, "form")
    if decision is None or not _SHA.fullmatch(head_sha) or not _FORM.fullmatch(form):
        raise BadRequestError(_NONSENSE)
    if not may(decision, visit.access.role, is_author=visit.access.is_account(frame.memory.author_id)):
        raise BadRequestError(_UNSURE if visit.access.is_doubtful else _not_for_you(decision))
    order = PageOrder(
        visit.origin,
        frame.number,
        account_of(session),
        decision.command,
        _words(decision, await _sent(visit, "why")),
        head_sha,
        form,
        visit.now,
    )
    visit.count_order(session)
    token = await _orders(visit).give(order)
    query = urlencode({"order": token, "done": decision.key})
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"{frame.root}/decisions?{query}"})


def _orders(visit: Visit) -> PageOrders:
    return PageOrders(visit.house.inbox, DeliveryStore(visit.house.engine))


async def _sent(visit: Visit, name: str) -> str:
    value = (await visit.request.post()).get(name, "")
    return value if isinstance(value, str) else ""


def _not_for_you(decision: Decision) -> str:
    return f"Only {all_commands()[decision.command].who_may} may do this. Nothing was changed."


def _words(decision: Decision, why: str) -> str:
    """Return what stands behind the command. Raises BadRequestError."""
    words = " ".join(why.replace("\0", " ").split())  # which no database holds
    if decision.why is Field.NONE:
        return decision.arguments
    if len(words) > LONGEST_WHY:
        raise BadRequestError(f"That is more than {LONGEST_WHY:,} characters. Go back and shorten it.")
    if decision.why is Field.NEEDED and not words:
        raise BadRequestError("Say why, in a sentence: the author reads it. Go back and write it into the field.")
    if words.lower().strip(" .!") == "cancel":
        raise BadRequestError("“Cancel” alone means something else to the bot. Go back and say it in other words.")
    return words
