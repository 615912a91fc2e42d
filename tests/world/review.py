"""What the stories of approval and merging begin with: people with their powers, and how far a review has come."""

from __future__ import annotations

from typing import Any

from tests.world.people import Files, Person, PullRequest
from tests.world.world import World

POWERS = {"tess": "triage", "tom": "triage", "apo": "write", "eve": "write", "max": "maintain", "mia": "maintain"}


def gives_powers(world: World) -> None:
    "Tess and tom are triagers, apo and eve approvers, max and mia maintainers."
    world.repo.permissions |= POWERS


def sets_policy(world: World, text: str) -> None:
    "The community's policy file as it is before the story begins."
    repo = world.repo
    snapshot = repo.store.changed(repo.store.snapshot(repo.head_sha), {".github/taxonomy-bot.yml": text})
    tip = repo.head_commit
    repo.branches["main"] = repo.store.add_commit(snapshot, (tip.sha,), tip.author, tip.committer, "Policy").sha


async def triaged(world: World, author: str = "ana", files: Files | None = None, **kwargs: Any) -> PullRequest:
    "A pull request that passed its checks and that tess has signed off; what the bot said has been read."
    pr = await Person(world, author).opens_pr(files, **kwargs)
    await pr.settled()
    await world.tess.comments(pr, "/triage-approve")
    await pr.settled()
    assert "triage-approved" in pr.labels, pr.thread()
    pr.has_been_read()
    return pr


async def why(world: World, pr: PullRequest) -> str:
    "The bot's answer to `/why`."
    pr.has_been_read()
    await world.ana.comments(pr, "/why")
    return await pr.next_comment()
