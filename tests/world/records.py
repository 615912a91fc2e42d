"""The bot's records, as an operator finds them in its database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

from bot.store.approvals import ApprovalStore
from bot.store.desk_log import DeskLog
from bot.store.history import History
from bot.store.merge_requests import MergeRequestStore
from bot.store.pull_requests import PullRequestStore
from tests.world.world import World


@asynccontextmanager
async def records_of(world: World) -> AsyncIterator[SimpleNamespace]:
    "Open those records beside the running bot that the workflow writes."
    async with world.database() as engine:
        yield SimpleNamespace(
            memories=PullRequestStore(engine),
            approvals=ApprovalStore(engine),
            merges=MergeRequestStore(engine),
            history=History(engine),
            log=DeskLog(engine),
            jobs=world.jobs,
        )
