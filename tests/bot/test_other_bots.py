"""Other bots on a repository: what gives them away, and who is to yield."""

from __future__ import annotations

import aiohttp
import pytest
from pydantic import SecretStr

from bot.clock import MovableClock
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.pacing import WriteLimits
from bot.other_bots import SeenThere, other_bots
from bot.other_bots_reading import seen_there
from bot.simulator import Simulator
from checks.policy import Policy, read_policy


def uses(*actions: str) -> dict[str, str]:
    "A workflow with these actions, each written in its own way."
    steps = "".join(f"      - uses: {action}\n" for action in actions)
    return {".github/workflows/w.yml": f"on: [pull_request_target]\njobs:\n  a:\n    steps:\n{steps}"}


@pytest.mark.parametrize(
    ("seen", "what"),
    [
        (SeenThere(apps={"dco": "DCO"}), "Sign-off (DCO)"),
        (SeenThere(apps={"dco-2": "DCO"}), "Sign-off (DCO)"),
        (SeenThere({".github/dco.yml": ""}), "Sign-off (DCO)"),
        (SeenThere(uses("tim-actions/dco@v1")), "Sign-off (DCO)"),
        (SeenThere({".github/labeler.yml": "docs: [a]\n"}), "Labels by paths"),
        (SeenThere(uses('"actions/labeler@v5"')), "Labels by paths"),
        (SeenThere({".github/stale.yml": ""}), "Stale pull requests"),
        (SeenThere(uses("actions/checkout@v4", "Actions/Stale@0123abc # v9")), "Stale pull requests"),
        (SeenThere(uses("'actions/first-interaction@v1'")), "Greeting newcomers"),
        (SeenThere({".mergify.yml": ""}), "Merging"),
        (SeenThere(apps={"kodiakhq": "kodiakhq: status"}), "Merging"),
    ],
    ids=str,
)
def test_each_is_found(seen: SeenThere, what: str) -> None:
    "By its App, its file or its action."
    [found] = other_bots(seen)
    assert found.what == what
    assert found.seen_in


@pytest.mark.parametrize(
    "seen",
    [
        SeenThere(),
        SeenThere(uses("actions/checkout@v4", "./actions/stale", "someone/actions-stale@v1")),
        SeenThere({"docs/x.yml": "uses: actions/stale@v9\n"}, {"github-actions": "tests"}),
        SeenThere({".github/workflows/w.yml": "# uses: actions/stale\nrun: echo uses: actions/stale\n"}),
    ],
    ids=["nothing", "others of that name", "elsewhere", "a remark"],
)
def test_what_is_none_is_not_taken_for_one(seen: SeenThere) -> None:
    "A workflow may speak of an action without using it."
    assert other_bots(seen) == ()


def test_a_labeler_yields_only_for_our_labels() -> None:
    "Its own ones are no matter of ours."
    [both] = other_bots(SeenThere({".github/labeler.yml": "skill:\n  - a/**\nfrontend:\n  - b/**\n"}))
    assert "take skill out of its file" in both.proposal
    [own] = other_bots(SeenThere({".github/labeler.yml": "frontend:\n  - b/**\n"}))
    assert own.proposal.startswith("Both stay")


def test_the_lines_to_paste_are_a_policy() -> None:
    "All of them together, too."
    files = dict.fromkeys((".github/dco.yml", ".github/stale.yml", ".mergify.yml"), "")
    files |= uses("actions/first-interaction@v1")
    lines = [found.policy for found in other_bots(SeenThere(files))]
    policy = read_policy("\n".join(lines) + "\n")
    assert (policy.dco.enabled, policy.merging.automatic, policy.messages.welcome) == (False, False, False)
    assert policy.care.stale_days > 10_000
    assert policy != Policy()


async def test_a_repository_is_read_within_bounds() -> None:
    "Whatever lies there: so many workflows, so many pull requests, no long file."
    clock = MovableClock()
    [stale] = uses("actions/stale@v9").values()
    files = {f".github/workflows/{n:03}.yml": stale for n in range(60)}
    files |= {".github/labeler.yml": "skill: [a]\n", ".github/workflows/000.yml": "x" * 200_000}
    async with Simulator(clock=clock) as github, aiohttp.ClientSession() as session:
        repo = github.create_repository("instruct/taxonomy", files)
        for n in range(8):
            pull = await github.open_pull(repo, author="ana", files={f"{n}.md": "x\n"})
            await github.other_check_run(pull, "DCO", conclusion="success", app="dco")
        app = GitHubApp(
            session,
            base_url=github.url,
            graphql_url=f"{github.url}/graphql",
            app_id=1234,
            private_key=SecretStr(github.private_key_pem),
            clock=clock,
            write_limits=WriteLimits(10, 80, 500),
        )
        mark = github.mark
        assert repo.installation_id is not None
        client = app.installation(repo.installation_id)
        seen = await seen_there(client, Origin(repo.id, repo.full_name, repo.installation_id))
        assert len([line for line in github.calls_since(mark) if line.method == "GET"]) <= 32
        assert {found.what for found in other_bots(seen)} >= {"Labels by paths", "Stale pull requests"}
        assert seen.apps == {"dco": "DCO"}
