"""Having a delivery handled again that was given up: what is written down of it, whoever asks for it and where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.store.delivery_desk import Listed
from bot.store.desk_log import AuditEntry

ACT = "replay"  # as the audit calls it


@dataclass(frozen=True, slots=True)
class Replayer:
    """Who asks for it: an operator at the terminal, who has no account, or a maintainer on the pages."""

    name: str
    id: int = 0
    role: str = "operator"


def replay_entry(delivery: Listed, by: Replayer, now: datetime) -> AuditEntry:
    """Return what is written down: each time it is done is an act of its own."""
    return AuditEntry(
        repository_id=delivery.repository_id,
        number=delivery.number,
        at=now,
        actor_id=by.id,
        actor=by.name[:64],
        role=by.role,
        act=ACT,
        arguments=delivery.guid,
        sha="",
        result="done",
        source=f"{ACT}:{delivery.id}:{now:%Y%m%dT%H%M%S.%f}"[:64],
    )
