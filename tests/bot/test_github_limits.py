"""What is left of the hour: GitHub counts REST and GraphQL apart, and so do we."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from pydantic import SecretStr

from bot.clock import MovableClock
from bot.github.blobs import ManyBlobs
from bot.github.client import GitHubApp, GitHubClient
from bot.github.errors import TransientError
from bot.github.limits import HourlyLimits, Pool
from bot.github.pacing import WriteLimits
from bot.simulator import Repository, Simulator

REPO = "/repos/instruct/taxonomy"


@dataclass(frozen=True)
class Desk:
    "Our App at a simulated GitHub."

    github: Simulator
    repo: Repository
    app: GitHubApp
    client: GitHubClient
    clock: MovableClock

    def left(self) -> dict[str, int]:
        "What is left of each pool, as the metrics tell it."
        return {pool.value: left for (_, pool), (left, _) in self.app.budgets().items()}

    async def asks_by_graphql(self) -> int:
        "Read the texts of two files in two requests; return how many came."
        tree = await self.client.read(f"{REPO}/git/trees/{self.repo.head_sha}?recursive=1")
        sizes = {entry["sha"]: 1024**2 for entry in tree["tree"] if entry["type"] == "blob"}
        return sum([len(texts) async for texts in ManyBlobs(self.client, "instruct/taxonomy").texts(sizes)])


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = MovableClock()
    async with Simulator(clock=clock) as github, aiohttp.ClientSession() as session:
        repo = github.create_repository("instruct/taxonomy", {"a.md": "a\n", "b.md": "b\n"})
        app = GitHubApp(
            session,
            base_url=github.url,
            graphql_url=f"{github.url}/graphql",
            app_id=1234,
            private_key=SecretStr(github.private_key_pem),
            clock=clock,
            write_limits=WriteLimits(10, 80, 500),
        )
        yield Desk(github, repo, app, app.installation(repo.installation_id), clock)


async def test_an_answer_of_graphql_says_nothing_of_rest(desk: Desk) -> None:
    "REST is nearly used up: an answer of the other pool makes nobody think otherwise."
    desk.github.limits.requests_per_hour = 10
    assert await desk.asks_by_graphql() == 2
    assert desk.left() == {"core": 9, "graphql": 4_998}
    scarce = desk.client.limits.scarcest()
    assert scarce is not None
    assert (scarce.remaining, scarce.limit) == (9, 10)


async def test_reading_many_files_leaves_points_of_graphql_to_others(desk: Desk) -> None:
    "However much of REST is left, and however little."
    desk.github.limits.points_per_hour = 501
    with pytest.raises(TransientError, match="kept for what people wait for"):
        await desk.asks_by_graphql()
    assert desk.left() == {"core": 4_999, "graphql": 499}


async def test_nothing_is_told_of_an_hour_that_is_over(desk: Desk) -> None:
    "Who asks nothing hears nothing new; what was said of the last hour holds no longer."
    await desk.client.read(REPO)
    assert desk.left() == {"core": 4_999}
    await desk.clock.advance(minutes=61)
    assert desk.left() == {}
    assert desk.client.limits.scarcest() is None
    await desk.client.read(REPO)
    assert desk.left() == {"core": 4_999}


async def test_what_has_not_changed_costs_nothing(desk: Desk) -> None:
    "GitHub does not count an answer without news, and neither do we."
    for _ in range(3):
        await desk.client.read(REPO)
    assert [line.status for line in desk.github.requests if line.path == REPO] == [200, 304, 304]
    assert desk.left() == {"core": 4_999}


@pytest.mark.parametrize(
    ("resource", "expected", "noted"),
    [
        ("graphql", Pool.CORE, Pool.GRAPHQL),
        (None, Pool.GRAPHQL, Pool.GRAPHQL),
        (None, Pool.CORE, Pool.CORE),
        ("search", Pool.CORE, None),
    ],
    ids=["as it says", "by the question", "by the question again", "of no concern"],
)
def test_an_answer_is_about_the_pool_that_it_names(
    resource: str | None, expected: Pool, noted: Pool | None
) -> None:
    "And where it names none, about that which was asked."
    clock = MovableClock()
    resets_at = str(int(clock.now().timestamp()) + 60)
    told = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "7", "x-ratelimit-reset": resets_at}
    limits = HourlyLimits(clock)
    limits.note(told | ({"X-RateLimit-Resource": resource} if resource else {}), expected)
    assert [pool for pool in Pool if limits.left(pool) is not None] == ([noted] if noted else [])
