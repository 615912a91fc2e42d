"""For maintainers: the webhooks that came, those that were given up, and having one handled again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from bot.dashboard.admin_frame import ADMIN, shown_in_admin
from bot.dashboard.delivery_words import STATES, CountShown, DeliveryShown, counts_shown, delivery_shown
from bot.dashboard.registry import Sees, deed, page
from bot.dashboard.visit import BadRequestError, NotThereError, Shown, SignInError, Visit
from bot.replays import Replayer, replay_entry
from bot.store.board_deliveries import BoardDeliveries
from bot.store.deliveries import DeliveryState
from bot.store.delivery_desk import DeliveryDesk
from bot.store.desk_log import DeskLog

_PAGE = 25
_PARKED = 10  # of those that were given up, above the list
_GUID = re.compile(r"[0-9A-Za-z-]{1,64}")
_UNKNOWN = "No delivery of this repository has that GUID. It may be forgotten: what is over is kept for some weeks."
_NOT_PARKED = (
    "This delivery is not given up: it waits for its turn, or was handled meanwhile. Look at the list again. "
    "Nothing was changed."
)


@dataclass(frozen=True, slots=True)
class DeliveriesShown:
    """The page. `parked` are the newest that were given up, while nothing particular is looked for."""

    counts: tuple[CountShown, ...]
    parked: tuple[DeliveryShown, ...]
    rows: tuple[DeliveryShown, ...]
    state: str
    beginning: str
    older: str  # path; empty: there are none
    replayed: str  # the GUID of what was just replayed


@page(ADMIN, "Admin", sees=Sees.MAINTAINERS, menu=70)
async def deliveries(visit: Visit) -> Shown:
    """Show the deliveries, the newest first."""
    board = BoardDeliveries(visit.house.reads, visit.repository_id)
    state, beginning = visit.word("state", frozenset(DeliveryState)), visit.text("guid", 64)
    wanted = [DeliveryState(state)] if state else []
    is_guid = not beginning or _GUID.fullmatch(beginning)
    before = visit.place("before")
    found = await board.newest(wanted, before, _PAGE + 1, beginning) if is_guid else []
    is_narrowed = bool(state or beginning or before)
    parked = [] if is_narrowed else await board.newest([DeliveryState.FAILED], 0, _PARKED)
    asked = {"state": state, "guid": beginning, "before": str(found[_PAGE - 1].id)} if len(found) > _PAGE else {}
    older = urlencode({name: value for name, value in asked.items() if value})
    replayed = visit.text("replayed", 64)
    facts = DeliveriesShown(
        counts=counts_shown(await board.counts()),
        parked=tuple(delivery_shown(row, visit.now) for row in parked),
        rows=tuple(delivery_shown(row, visit.now) for row in found[:_PAGE]),
        state=state,
        beginning=beginning,
        older=f"{visit.path('/admin')}?{older}" if older else "",
        replayed=replayed if _GUID.fullmatch(replayed) else "",
    )
    states = {one.value: words for one, words in STATES.items()}
    told = {"deliveries": facts, "states": states, "is_narrowed": is_narrowed, "github_knows": is_guid}
    return shown_in_admin(visit, "", "admin_deliveries.html", told)


@deed(ADMIN + "/replay", sees=Sees.MAINTAINERS)
async def replay(visit: Visit) -> web.StreamResponse:
    """Have a delivery handled again that was given up, as `taxonomy-bot deliveries replay` does."""
    if visit.session is None:
        raise SignInError("Sign in first: what you do here is done in your name.")
    guid = (await visit.request.post()).get("guid", "")
    desk = DeliveryDesk(visit.house.engine)
    is_guid = isinstance(guid, str) and _GUID.fullmatch(guid)
    delivery = await desk.called(visit.repository_id, guid) if isinstance(guid, str) and is_guid else None
    if delivery is None:
        raise NotThereError(_UNKNOWN)
    if not await desk.try_again(delivery):
        raise BadRequestError(_NOT_PARKED)
    by = Replayer(visit.session.login, visit.session.user_id, "maintainer")
    await DeskLog(visit.house.engine).add(replay_entry(delivery, by, visit.now))
    there = visit.path(f"/admin?{urlencode({'replayed': delivery.guid})}")
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": there})
