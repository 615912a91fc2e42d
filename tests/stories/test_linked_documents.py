"""The documents that leaves name, fetched from a real git server beside the triage, in time or late."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.rule_workers import RuleWorkers
from bot.simulate_cli import simulated
from tests.checks.contributions import KNOWLEDGE_PATH, a_knowledge, attribution
from tests.databases import SqliteFiles
from tests.documents.fetching import LOOPBACK
from tests.documents.git_host import NAME, GitHost, Repository
from tests.documents.own_network import knows_the_host
from tests.world import PullRequest, World
from tests.world.review import gives_powers, sets_policy

CONTEXTS = [
    f"The {bird} lives near slow water, digs a tunnel as long as an arm, and eats small fish it sees from a perch."
    for bird in ("kingfisher", "heron", "dipper", "osprey", "bittern")
]
DOCUMENT = "# Birds\n\n" + "\n\n".join(CONTEXTS) + "\n"
NEVER_SHOWN = "lena.vogel@birds-of-varholm.de"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    "A git server on loopback."
    host = GitHost(tmp_path_factory.mktemp("host"))
    host.start()
    yield host
    host.stop()


@pytest.fixture
def repository(host: GitHost) -> Iterator[Repository]:
    "A repository of ana's on a server that behaves."
    host.asked.clear()
    yield host.repository(f"ana/birds-{secrets.token_hex(4)}")
    host.answers.clear()


@pytest.fixture
async def birds(
    host: GitHost,
    rule_workers: RuleWorkers,
    sqlite_files: SqliteFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    "A bot that looks into documents, for a community that accepts the server."
    knows_the_host(monkeypatch)
    settings: dict[str, Any] = {
        "check_documents": True,
        "document_wait_s": 30.0,
        "document_networks": (LOOPBACK,),
        "document_ca_file": host.ca_file,
    }
    async with World(sqlite_files.new_database(tmp_path), rule_workers, **settings) as world:
        sets_policy(world, f"documents:\n  allowed_hosts: ['{NAME}:{host.port}']\n")
        yield world


def a_leaf(repository: Repository, commit: str, **keys: Any) -> dict[str, Any]:
    "The files of a leaf whose contexts are from the document."
    seeds = [
        {
            "context": context,
            "questions_and_answers": [
                {"question": f"What is fact {n} of {context[:20]}?", "answer": "Fish."} for n in range(3)
            ],
        }
        for context in keys.pop("contexts", CONTEXTS)
    ]
    document = {"repo": repository.url, "commit": commit, "patterns": ["birds.md"]} | keys
    return {
        KNOWLEDGE_PATH: a_knowledge(contexts=seeds, document=document),
        KNOWLEDGE_PATH.replace("qna.yaml", "attribution.txt"): attribution(),
    }


def pushed(repository: Repository, text: str = DOCUMENT) -> str:
    commit = repository.commit({"birds.md": text})
    repository.push()
    return commit


def summary(pr: PullRequest) -> str:
    return pr.check("Contribution").summary


async def becomes(pr: PullRequest, conclusion: str) -> None:
    "Wait until the bot has come back to it by itself."
    async with asyncio.timeout(20):
        while pr.check("Contribution").conclusion != conclusion:
            await asyncio.sleep(0.05)
    await pr.settled()


async def test_a_leaf_whose_document_is_there_passes(birds: World, repository: Repository) -> None:
    "The contexts are found in the document, and a second look fetches nothing."
    pr = await birds.ana.opens_pr(a_leaf(repository, pushed(repository)))
    assert "All checks passed" in await pr.next_comment()
    assert pr.check("Contribution").conclusion == "success"

    repository.host.asked.clear()
    await birds.stop_bot()
    await birds.start_bot()  # nothing of it is lost with the process
    await birds.ana.comments(pr, "/check")
    await pr.settled()

    assert pr.check("Contribution").conclusion == "success"
    assert repository.host.asked == []
    pr.has_been_read()


async def test_what_is_wrong_with_the_document_is_said(birds: World, repository: Repository) -> None:
    "A commit that no branch leads to, then a context and an address that should not be there."
    lost = repository.commit({"birds.md": DOCUMENT}, "Only of a pull request")
    repository.push("refs/pull/1/head")
    pr = await birds.ana.opens_pr(a_leaf(repository, lost))
    assert "No branch and no tag of that repository leads to the commit" in await pr.next_comment()
    assert "triage-requested-changes" in pr.labels

    commit = pushed(repository, f"{DOCUMENT}\nWrite to {NEVER_SHOWN} for more.\n")
    changed = [*CONTEXTS[:4], CONTEXTS[4].replace("slow water", "the open sea").replace("small fish", "old bread")]
    await birds.ana.pushes(pr, a_leaf(repository, commit, contexts=changed))
    said = await pr.edited_comment()

    assert "An e-mail address is in line 13 of" in said
    assert "The closest passage of" in said
    assert "% like it" in said
    assert "slow water" in said
    everything = summary(pr) + said + "".join(a.message for a in pr.check("Contribution").annotations)
    assert NEVER_SHOWN not in everything


async def test_a_short_commit_id_is_looked_up(birds: World, repository: Repository) -> None:
    "The finished block is offered."
    commit = pushed(repository)
    pr = await birds.ana.opens_pr(a_leaf(repository, commit[:9]))

    said = await pr.next_comment()

    assert f"under commit `{commit}` and under patterns `birds.md`" in said
    assert f"commit: {commit}" in summary(pr)


async def test_a_slow_server_keeps_nobody_waiting(birds: World, repository: Repository) -> None:
    "The rest is judged at once, and the document when it has come: one comment, edited."
    commit, may_answer = pushed(repository), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def slowly(request: web.Request) -> web.StreamResponse:
        while not may_answer.is_set():
            await asyncio.sleep(0.02)
        return await repository.host.backend(request)

    repository.host.answers[repository.path] = slowly
    await birds.stop_bot()
    await birds.start_bot(document_wait_s=0.05)
    pr = await birds.ana.opens_pr(a_leaf(repository, commit))
    assert "A document that this names has not been looked at yet" in await pr.next_comment()
    assert pr.check("Contribution").conclusion == "neutral"
    assert "triage-requested-changes" not in pr.labels

    loop.call_soon(may_answer.set)
    await becomes(pr, "success")

    assert "All checks passed" in await pr.edited_comment()
    assert "triage-needed" in pr.labels


async def test_trouble_on_the_way_is_nobodys_fault(birds: World, repository: Repository) -> None:
    "It is neutral, said once, and tried again by the sweeps after a pause."
    commit = pushed(repository)

    async def broken(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    repository.host.answers[repository.path] = broken
    pr = await birds.ana.opens_pr(a_leaf(repository, commit))
    assert "nothing for you to fix" in await pr.next_comment()
    assert pr.check("Contribution").conclusion == "neutral"
    assert "its server answers with an error" in summary(pr)

    repository.host.asked.clear()
    with birds.no_webhooks():
        await birds.clock.advance(minutes=1)
        await birds.sweeper.sweep()
    assert repository.host.asked == []  # not yet

    repository.host.answers.clear()
    await birds.sweeps()
    await becomes(pr, "success")
    assert "All checks passed" in await pr.edited_comment()


async def test_a_maintainer_may_go_without(birds: World, repository: Repository) -> None:
    "Where a server stays away for good, a maintainer sets that aside."
    gives_powers(birds)
    commit = pushed(repository)

    async def broken(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    repository.host.answers[repository.path] = broken
    pr = await birds.ana.opens_pr(a_leaf(repository, commit))
    await pr.settled()

    await birds.max.comments(pr, "/override document-reached/not-verified because the server is down this week")
    await pr.settled()

    assert pr.check("Contribution").conclusion == "success"
    pr.has_been_read()


async def test_without_the_switch_nobody_is_asked(birds: World, repository: Repository) -> None:
    "An operator without a way out switches it off."
    await birds.stop_bot()
    await birds.start_bot(check_documents=False)
    pr = await birds.ana.opens_pr(a_leaf(repository, "a" * 40))

    assert "All checks passed" in await pr.next_comment()
    assert repository.host.asked == []


async def test_a_rehearsal_looks_into_documents_too(birds: World, repository: Repository) -> None:
    "What the bot would say of a document is foretold, by the same way, and nothing is stored."
    lost = repository.commit({"birds.md": DOCUMENT}, "Only of a pull request")
    repository.push("refs/pull/1/head")
    await birds.stop_bot()
    pr = await birds.ana.opens_pr(a_leaf(repository, lost))
    place = (birds.settings, birds.clock, "instruct/taxonomy", pr.number, None, birds.workers)
    told = " ".join(await simulated(*place))
    assert "Verdict: failed (before: none)" in told
    assert await birds.rows("SELECT sha256 FROM artifacts") == []
