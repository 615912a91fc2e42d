"""Asked what would happen, the bot tells what it then does; asking leaves no trace on GitHub or in its records."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

import bot.rule_sets
import checks.gentleness
from bot.github.errors import GitHubError
from bot.github.gate import About
from bot.rehearsal import UnknownPlaceError, rehearsing
from bot.simulate_cli import simulated
from bot.upgrade_cli import Outlook, as_lines, outlook_of, upgraded
from checks.policy import read_policy
from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import PullRequest, World
from tests.world.people import a_good_skill
from tests.world.review import gives_powers, triaged

FEW = "counts/too-few-examples"


async def everything_stored(world: World) -> dict[str, list[Any]]:
    "Every row of every table, but those in which the bot notes that it was asked for nothing."
    async with world.database() as engine, engine.connect() as connection:
        found = sa.MetaData()
        await connection.run_sync(found.reflect)
        return {t.name: sorted(map(repr, await connection.execute(sa.select(t)))) for t in found.sorted_tables}


class Traceless:
    """Sees to it that what happens inside writes nothing."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __aenter__(self) -> None:
        await self._world.settled()
        self._before = await everything_stored(self._world)
        self._shown = self._everything_shown()
        self._mark = self._world.github.mark

    async def __aexit__(self, *_: object) -> None:
        await self._world.settled()
        calls = self._world.github.calls_since(self._mark)
        asked = (
            "/access_tokens",
            "/graphql",
        )  # a token to read with; queries are sent like mutations, these found none
        writes = [f"{c.method} {c.path}" for c in calls if c.is_write and not c.path.endswith(asked)]
        assert calls, "nothing was asked"
        assert writes == []
        assert self._everything_shown() == self._shown
        assert await everything_stored(self._world) == self._before

    def _everything_shown(self) -> list[Any]:
        "What GitHub shows of every pull request."
        seen = self._world._seen.values()
        return [
            (
                pr.number,
                sorted(pr.labels),
                pr.pull.state,
                pr.thread(),
                [(run.id, run.summary) for run in pr.checks()],
            )
            for pr in seen
        ]


async def told(world: World, pr: PullRequest, policy: str = "") -> str:
    "What `taxonomy-bot simulate` prints."
    instead = read_policy(policy) if policy else None
    async with Traceless(world):
        lines = await simulated(world.settings, world.clock, "instruct/taxonomy", pr.number, instead, world.workers)
    assert [line for line in lines if len(line) > 80] == []
    return "\n".join(lines)


async def outlook(world: World) -> Outlook:
    "What `taxonomy-bot upgrade --dry-run` finds."
    async with Traceless(world):
        return await outlook_of(world.settings, world.clock, world.workers)


async def test_what_is_foretold_is_what_happens(world: World) -> None:
    "Verdict, moves, labels, check runs and the comment, of a pull request that the bot has not heard of."
    await world.ana.opens_pr()  # so that it knows the repository
    await world.settled()
    with world.no_webhooks():
        pr = await world.bob.opens_pr({"knowledge/x/qna.yaml": "version: 3\n"})
    text = await told(world, pr)
    assert "Verdict: failed (before: none)" in text
    assert "new -> changes requested" in text or "new ->" in text
    assert "Check run Contribution: failure" in text
    assert "triage-requested-changes" in text
    assert "New comment:" in text
    assert text.endswith("Nothing was written.")

    await world.sweeps()
    assert pr.check("Contribution").conclusion == "failure"
    assert "triage-requested-changes" in pr.labels
    first_words = (await pr.next_comment()).split("\n")[1][:60]
    assert first_words in text
    for other in list(world._seen.values()):
        other.has_been_read()


async def test_nothing_is_foretold_of_what_is_done(world: World) -> None:
    "A pull request whose report is up to date."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    assert "nothing would be written" in await told(world, pr)


async def test_another_policy_is_tried_out(world: World) -> None:
    "What a change of the rules file would mean for a pull request that is open."
    gives_powers(world)
    pr = await triaged(world)
    text = await told(world, pr, "limits:\n  skill_seed_examples: 7\n")
    assert "Verdict: failed (before: passed)" in text
    assert "There are too few seed examples" in text
    assert "Check run Contribution: failure" in text
    assert pr.check("Contribution").conclusion == "success"
    assert "triage-approved" in pr.labels


async def test_words_of_strangers_are_harmless_in_a_terminal(world: World) -> None:
    "A title or a path cannot steer it."
    pr = await world.ana.opens_pr(title="Red \x1b[31m alert")
    await pr.next_comment()
    assert "\x1b" not in await told(world, pr)


async def test_a_bot_that_knows_nothing_yet_can_be_asked(world: World, tmp_path: Any) -> None:
    "Before the first start there is no database, and none is made."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    place = tmp_path / "not-there.sqlite"
    fresh = world.settings.model_copy(update={"database_url": f"sqlite:///{place}"})
    lines = await simulated(fresh, world.clock, "instruct/taxonomy", pr.number, None, world.workers)
    assert "Verdict: passed (before: none)" in lines
    assert not place.exists()


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("instruct/taxonomy", 99, "There is no pull request #99"),
        ("somebody/else", 1, "not installed on somebody/else"),
    ],
    ids=["a number of nothing", "a repository of others"],
)
async def test_what_is_not_there_is_said(world: World, name: str, number: int, words: str) -> None:
    "In a sentence, not in a traceback."
    with pytest.raises(UnknownPlaceError, match=words):
        await simulated(world.settings, world.clock, name, number, None, world.workers)


async def test_a_rehearsal_has_no_pen(world: World) -> None:
    "Should some code try to write all the same, it is refused before anything is sent."
    await (await world.ana.opens_pr()).next_comment()
    mark = world.github.mark
    async with rehearsing(world.settings, world.clock, world.workers) as rehearsal:
        origin = await rehearsal.origin_of("instruct/taxonomy")
        client = rehearsal.github.installation(origin.installation_id)
        with pytest.raises(GitHubError, match="refused to write"):
            await client.write(About(world.repo.id, 1), "POST", "/repos/instruct/taxonomy/issues/1/labels")
        with pytest.raises(GitHubError, match="refused to write"):
            await client.mutate(About(world.repo.id), "mutation { x }", {})
    assert world.github.calls_since(mark) == []


async def test_an_upgrade_without_new_rules_changes_nothing(world: World) -> None:
    "Each open pull request is looked at."
    await (await world.ana.opens_pr()).next_comment()
    await (await world.bob.opens_pr({SKILL_PATH.replace("shorten", "b"): "x"})).next_comment()
    found = await outlook(world)
    assert (found.looked_at, found.changes) == (2, ())
    assert list(as_lines(found))[-2:] == [
        "Open pull requests: 2. With another verdict, now or later: 0.",
        "Nothing was written.",
    ]


async def test_the_outlook_says_whom_a_new_rule_will_meet_and_when(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Not at once, not on a push of the next days: on one after the days of gentleness. And so it comes."
    await world.stop_bot()
    await world.start_bot()
    pr = await world.ana.opens_pr(a_good_skill())
    weak = await _judged_without_the_rule(world, "bob")
    await pr.next_comment()
    for module in (bot.rule_sets, checks.gentleness):
        monkeypatch.setattr(module, "release_days", lambda: {FEW: date(2026, 1, 6)})

    found = await outlook(world)

    assert found.looked_at == 2
    (change,) = found.changes
    assert (change.number, change.before, change.after, change.causes) == (weak.number, "passed", "failed", (FEW,))
    assert change.when == "on a push from 2026-01-20 on"
    lines = list(as_lines(found))
    assert f"  passed -> failed on a push from 2026-01-20 on: {FEW}" in lines
    assert [line for line in lines if len(line) > 80] == []


async def _judged_without_the_rule(world: World, login: str) -> PullRequest:
    "A weak pull request that passed, because the version of then did not know the rule."
    repo = world.repo
    path = SKILL_PATH.replace("shorten", "other")
    from tests.world.review import sets_policy

    sets_policy(world, f"rules:\n  {FEW}: off\n")
    files = a_good_skill(login, path) | {path: a_skill(seed_examples=3, created_by=login)}
    pr = await world.github.open_pull(repo, author=login, files=files, association="CONTRIBUTOR")
    seen = world.sees(pr)
    await seen.next_comment()
    sets_policy(world, "")
    return seen


async def test_an_upgrade_notes_when_new_rules_began(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    "Once; and it tells the lines for the policy by which laptops and CI count the same days."
    import bot.upgrade_cli

    await (await world.ana.opens_pr()).next_comment()
    await world.clock.advance(days=3)
    monkeypatch.setattr("checks.registry.release_days", lambda: {FEW: date(2025, 12, 1)})
    lines = await upgraded(world.settings, world.clock)
    assert f"      {FEW}: 2026-01-08" in lines
    await world.clock.advance(days=3)
    assert await upgraded(world.settings, world.clock) == lines
    (row,) = await world.rows("select starts_at from rule_starts where cause = :cause", cause=FEW)
    assert datetime.fromisoformat(str(row[0])).date() == date(2026, 1, 8)
    assert read_policy("\n".join(line[2:] for line in lines if line.startswith("  ")) + "\n").new_rules.start
    assert bot.upgrade_cli is not None
