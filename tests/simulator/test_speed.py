"""The simulator bears a thousand pull requests: nothing grows with the square of their number."""

from __future__ import annotations

import time

from bot.simulator import Repository, Simulator
from tests.simulator.client import AppClient

R = "/repos/instruct/taxonomy"


async def test_a_thousand_pull_requests(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "They are opened and listed within seconds on a slow machine; the unchanged list costs no request."
    sim.observers.clear()
    sim.delivery_observers.clear()
    await sim.push_to_default(repo, {f"knowledge/{n}/qna.yaml": f"version: {n}\n" for n in range(1_000)})
    started = time.perf_counter()
    for n in range(1_000):
        await sim.open_pull(repo, author=f"ana-{n % 50}", files={f"skills/{n}/qna.yaml": "version: 3\n"})
    opened = time.perf_counter()
    pages = [await client.get(f"{R}/pulls?state=open&per_page=100&page={page}") for page in range(1, 11)]
    listed = time.perf_counter()
    again = await client.get(
        f"{R}/pulls?state=open&per_page=100&page=3", **{"If-None-Match": pages[2].headers["Etag"]}
    )

    assert opened - started < 15
    assert listed - opened < 3
    assert sorted(pull["number"] for page in pages for pull in page.body) == list(range(1, 1_001))
    assert (again.status, again.body) == (304, None)
    assert pages[0].body[0]["base"]["repo"]["open_issues_count"] == 1_000


async def test_what_is_open_is_counted(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "Repositories tell how many issues and pull requests are open, however they are closed and opened."
    pulls = [await sim.open_pull(repo, author="ana", files={f"{name}.md": "x\n"}) for name in "abcd"]
    issue = await sim.open_issue(repo, author="mia", title="Broken")
    await sim.close_pull(pulls[0])
    await sim.reopen_pull(pulls[0])
    await sim.close_pull(pulls[1])
    await sim.merge_pull(pulls[2], by="mia")
    await sim.end_merge_group(await sim.request_merge_group(pulls[3]))
    await sim.close_issue(issue)
    await sim.reopen_issue(issue)

    assert (await client.get(R)).body["open_issues_count"] == 2
