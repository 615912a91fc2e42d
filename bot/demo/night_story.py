"""The nightly demo: twelve merged pull requests become a model, which is served; then a second night, and back."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.demo.narrator import Narrator
from bot.demo.night_leaves import (
    Contribution,
    documents,
    first_contributions,
    later_contributions,
    next_day,
)
from bot.demo.night_stage import NightStage, NightStageError, open_night_stage
from bot.demo.night_watch import followed, has_succeeded
from bot.demo.offline_teacher import NAME as TEACHER
from bot.demo.tiny_student import NAME as STUDENT
from bot.demo.tiny_student import TinyStudent
from bot.logs import configure_logs
from bot.simulator import Pull
from bot.simulator.issues import Issue

_STAND_INS = f"Stand-ins: {STUDENT}; {TEACHER}. Their numbers show that all works together, and nothing more."
_SEEDS = 2  # trainings that tell how a score moves by chance; they run beside the others
_WORKER = {"BUILD_EPOCHS": "6", "BUILD_KEEP_CHECKPOINTS": "2"}
_MERGED_WITHIN_S, _BUILT_WITHIN_S, _SAID_WITHIN_S = 180.0, 1800.0, 150.0
_TARGET_S = 15 * 60.0
_SHOWN_LINES = 48


async def play_nights() -> int:
    """Play two nights and print them. Returns the exit status: 0 when all went as told."""
    configure_logs("console", logging.ERROR)
    narrator = Narrator()
    try:
        await _nights(narrator)
    except NightStageError as error:
        narrator.expects(str(error), holds=False)
    if narrator.surprises:
        narrator.says(f"{len(narrator.surprises)} thing(s) did not go as told.")
        return 1
    narrator.says("All went as told.")
    return 0


async def _nights(narrator: Narrator) -> None:
    narrator.says("A nightly build from merged pull requests to a served model, and the night after.")
    narrator.notes(_STAND_INS)
    async with AsyncExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="taxonomy-bot-student-")))
        student = TinyStudent(folder / "student")
        ends.push_async_callback(student.stop)
        await student.start()
        narrator.says(f"The {STUDENT}. The first time it takes two to three minutes; it is kept.")
        model = await student.made()
        began = time.monotonic()
        stage = await ends.enter_async_context(
            open_night_stage(
                model,
                documents(),
                bot_settings={"NIGHTLY_NOISE_SEEDS": str(_SEEDS)},
                worker_settings=_WORKER,
            )
        )
        narrator.notes(
            f"GitHub's API: {stage.github.url}   the bot: {stage.address}   two workers, one thread each"
        )
        pulls = await _twelve_are_merged(stage, narrator)
        first = await _the_first_night(stage, narrator, pulls)
        took_s = time.monotonic() - began
        narrator.expects(
            f"twelve pull requests became a model in {_span(took_s)} (at most {_span(_TARGET_S)})",
            holds=took_s <= _TARGET_S,
        )
        await _the_second_night(stage, narrator, pulls[0], first)
        narrator.notes(f"All in all {_span(time.monotonic() - began)}. {_STAND_INS}")


async def _twelve_are_merged(stage: NightStage, narrator: Narrator) -> list[Pull]:
    narrator.says("Eight pull requests add a leaf each: six invented places with a document, and two skills.")
    first = await _opened(stage, first_contributions(stage.documents))
    await stage.merged(first, _MERGED_WITHIN_S)
    narrator.says("Four more each add an example to one of the leaves that are there now.")
    later = await _opened(stage, later_contributions(stage.documents))
    await stage.merged(later, _MERGED_WITHIN_S)
    for pull in (*first, *later):
        narrator.notes(f"  #{pull.number} by {pull.user.login}: {pull.title}")
    narrator.expects(
        "all twelve were checked, triaged, approved and merged by the bot",
        holds=all(pull.merged for pull in (*first, *later)),
    )
    return [*first, *later]


async def _opened(stage: NightStage, contributions: list[Contribution]) -> list[Pull]:
    return [
        await stage.github.open_pull(stage.repo, author=each.author, title=each.title, files=dict(each.files))
        for each in contributions
    ]


async def _the_first_night(stage: NightStage, narrator: Narrator, pulls: list[Pull]) -> str:
    """Build all of it, and serve it. Return the build's name."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    name = f"{yesterday}.1"
    await _typed(stage, narrator, "run", "--night", str(yesterday))
    build = await followed(stage, narrator, name, _BUILT_WITHIN_S)
    narrator.expects(f"{name} passed its gate, and is in the store of models", holds=has_succeeded(build))
    said = await _report(stage, narrator, name)
    narrator.expects("the report says what stood in for a large model", holds=bool(said["stands_in"]))
    narrator.expects("it holds twelve pull requests", holds=len(said["pulls"]) == len(pulls))
    narrator.expects("it is a candidate: nothing serves it yet", holds=said["release"] == "candidate")
    narrator.says("Max, a maintainer, has read it and serves it.")
    out = await _typed(stage, narrator, "promote", name, "--by", "max")
    narrator.expects("it is served", holds="is served now" in out)
    return name


async def _the_second_night(stage: NightStage, narrator: Narrator, pull: Pull, first: str) -> None:
    narrator.says("The day after, one of the places gets one more example.")
    await stage.merged(await _opened(stage, [next_day(stage.documents)]), _MERGED_WITHIN_S)
    today = datetime.now(UTC).date()
    await _typed(stage, narrator, "run", "--night", str(today))
    await _people_are_told(stage, narrator, pull, first)
    name = f"{today}.1"
    build = await followed(stage, narrator, name, _BUILT_WITHIN_S)
    generated = [job for job in await stage.steps(build) if job.request.step.startswith("generate/")]
    said = await _report(stage, narrator, name)
    narrator.expects(
        f"only the changed leaf was generated anew; {said['from_cache']} leaves from the cache",
        holds=len(generated) == 1 and said["from_cache"] == len(first_contributions(stage.documents)) - 1,
    )
    narrator.expects(f"{name} came to an end by its gate: {build.state}", holds=not build.state.is_open)
    if not has_succeeded(build):
        narrator.notes("  Its gate found that it got worse, so nothing of it is published.")
        return
    narrator.says("Max serves it, has second thoughts, and goes back.")
    await _typed(stage, narrator, "promote", name, "--by", "max")
    began = time.monotonic()
    out = await _typed(stage, narrator, "rollback", "--by", "max")
    narrator.expects(f"{first} is served again, {time.monotonic() - began:.0f} s later", holds=first in out)
    await _typed(stage, narrator, "releases")
    latest = json.loads(next(stage.folder.glob("taxonomy-bot-models/*/latest.json")).read_text(encoding="utf-8"))
    narrator.expects("the pointer in the store of models names it", holds=first in json.dumps(latest))


async def _people_are_told(stage: NightStage, narrator: Narrator, pull: Pull, name: str) -> None:
    """Wait for what the bot says by itself within a minute: the issue, and the word to the contributor."""
    narrator.says("Meanwhile the bot tells each contributor, once.")

    def is_said() -> bool:
        return any(name in comment.body for comment in pull.comments)

    await stage.until(is_said, _SAID_WITHIN_S, f"a comment on #{pull.number}")
    narrator.quotes(pull)
    narrator.expects("its label of a build is gone", holds="cmb-running" not in pull.labels)


async def _report(stage: NightStage, narrator: Narrator, name: str) -> dict[str, Any]:
    """Show the report as an operator reads it, keep what the issue shows, and return it as data."""
    lines = (await _typed(stage, narrator, "report", is_shown=False)).splitlines()
    narrator.notes("\n".join(f"  {line}" for line in lines[:_SHOWN_LINES]))
    if len(lines) > _SHOWN_LINES:
        narrator.notes(f"  ... and {len(lines) - _SHOWN_LINES} lines more")
    await stage.until(lambda: _issue_about(stage, name) is not None, _SAID_WITHIN_S, f"the report of {name}")
    issue = _issue_about(stage, name)
    if issue is not None:
        narrator.notes(f"  All of it, as the issue #{issue.number} shows it: {_kept(issue, name)}")
    _, text = await stage.types("report", "--json")
    said: dict[str, Any] = json.loads(text)
    return said


def _issue_about(stage: NightStage, name: str) -> Issue | None:
    """Return the issue that tells of the builds, once it reports on this one."""
    return next((each for each in stage.repo.issues if name in each.title and "UNFINISHED" not in each.title), None)


def _kept(issue: Issue, name: str) -> Path:
    """Write down what an issue says, where it stays when the demo is over."""
    kept = Path(tempfile.mkdtemp(prefix="taxonomy-bot-report-"), f"{name}.md")
    kept.write_text(f"# {issue.title}\n\n{issue.body}", encoding="utf-8")
    return kept


async def _typed(stage: NightStage, narrator: Narrator, *arguments: str, is_shown: bool = True) -> str:
    """Type a command of `taxonomy-bot nightly`, and show what it says."""
    narrator.says(f"$ taxonomy-bot nightly {' '.join(arguments)}")
    status, out = await stage.types(*arguments)
    if is_shown:
        narrator.notes("\n".join(f"  {line}" for line in out.splitlines()))
    narrator.expects(f"the command ended well ({status})", holds=status == 0)
    return out


def _span(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"
