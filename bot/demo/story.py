"""The story itself: a good skill and what is computed of it, a knowledge leaf with typical mistakes, its fix."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from http import HTTPStatus
from importlib.resources import files
from statistics import median

import aiohttp

from bot.demo.document_host import DocumentHost
from bot.demo.downloads import fetched, is_data_set, linked_files
from bot.demo.narrator import Narrator
from bot.demo.offline_teacher import NAME
from bot.demo.stage import Stage, open_stage
from bot.demo.tiny_student import NAME as STUDENT
from bot.logs import configure_logs
from bot.simulator import CheckRun, CommitSpec, Pull
from bot.triage import Triaged
from checks.contribution import Commit, Contribution, Identity, Sha
from checks.findings import Check, Outcome
from checks.policy import default_policy
from checks.rules.dco import advice

TABLES = "compositional_skills/extraction/grounded/tables/read_a_value"
DELOREAN = "knowledge/technology/automobiles/delorean"
VARHOLM = "knowledge/geography/islands/varholm"
_MOST_CALLS, _MOST_WRITES = 12, 5
_JOB_WITHIN_S, _TAUGHT_WITHIN_S = 60.0, 600.0  # the second on a machine that is busy with other things, too
_NEWS_S = 15.0  # between words about what takes long
_PICTURE = re.compile(r"!\[[^\]]*\]\((\S+)\)")
_READING_S = 1.1  # GitHub's times are whole seconds: who writes in the second of a push cannot have seen it


async def play(*, keep: bool) -> int:
    """Play the story and print it. Returns the exit status: 0 when all went as told."""
    configure_logs("console", logging.ERROR)
    narrator = Narrator()
    narrator.says("Starting a simulated GitHub and the bot on this machine ...")
    async with open_stage() as stage:
        narrator.notes(
            f"GitHub's API: {stage.github.url}   the bot: {stage.address}   repository: {stage.repo.full_name}"
        )
        await _a_good_skill(stage, narrator)
        await _knowledge_with_mistakes(stage, narrator)
        await _a_stranger(stage, narrator)
        await _a_student_is_taught(stage, narrator)
        _sum_up(stage, narrator)
        if narrator.surprises:
            narrator.says(f"{len(narrator.surprises)} thing(s) did not go as told.")
        else:
            narrator.says("All went as told. What becomes of merged pull requests at night: make nightly-demo")
        if keep:
            stage.has_a_maintainer("mia")
            stage.lets_people_chat()
            narrator.says("Left running until you press Ctrl-C. Open this in a browser:")
            narrator.notes(f"{stage.address}")
            narrator.notes(
                "Sign in there as tess (a triager), apo (an approver), mia (a maintainer) or ana (an author)."
            )
            await asyncio.Event().wait()
    return 1 if narrator.surprises else 0


async def _a_good_skill(stage: Stage, narrator: Narrator) -> None:
    narrator.says("Ana teaches the model to read tables. It is her first pull request.")
    pull = await stage.github.open_pull(
        stage.repo, author="ana", title="Read a value from a table", files=_leaf("tables", TABLES)
    )
    await stage.settled()
    narrator.shows(pull)
    narrator.expects("both checks are green", holds=_conclusions(pull) == {"success"})
    narrator.expects("it waits for a triager", holds=pull.labels == ["skill", "triage-needed"])
    await _a_triager_looks(stage, narrator, pull)
    narrator.says(f"Tess wants to know what the model knows already: /precheck   (the model: {NAME})")
    asked = await _a_job_is_done(stage, narrator, pull, "Precheck")
    narrator.expects(
        "a worker, a process of its own, has asked every seed question", holds=asked.conclusion == "success"
    )
    narrator.reads(asked.summary or "")
    narrator.says(f"Tess has synthetic data made of it: /generate   (teacher and judge: {NAME})")
    made = await _a_job_is_done(stage, narrator, pull, "Generate")
    narrator.expects(f"the data set is there: {made.title}", holds=made.conclusion == "success")
    narrator.reads((made.summary or "").partition("<details>")[0])
    await _the_files_are_read(narrator, asked, made)
    await _an_approver_decides(stage, narrator, pull)


async def _the_files_are_read(narrator: Narrator, *jobs: CheckRun) -> None:
    """Follow the links on the check runs as a browser does, also one that somebody has tampered with."""
    narrator.says("Ana opens the files of both jobs: each check run links them, signed, for a week.")
    async with aiohttp.ClientSession() as session:
        found = [(file, await fetched(session, file)) for job in jobs for file in linked_files(job.summary or "")]
        for file, answer in found:
            narrator.notes(f"  {answer.status} {file.name}, {len(answer.text):,} characters: {file.url}")
        narrator.expects(
            f"all {len(found)} can be downloaded, a data set and a log of each job among them",
            holds=all(answer.status == HTTPStatus.OK and answer.text for _, answer in found)
            and {"precheck.json", "generate.json"} <= {file.name for file, _ in found}
            and [file.name for file, _ in found].count("log.txt") == len(jobs)
            and any(is_data_set(answer.text) for file, answer in found if file.name.endswith(".jsonl")),
        )
        forged = await fetched(session, found[0][0].tampered_with())
        narrator.expects(f"a link that was changed opens nothing (got {forged.status})", holds=forged.is_refused)


async def _a_triager_looks(stage: Stage, narrator: Narrator, pull: Pull) -> None:
    narrator.says("Tess, a triager, looks at it and comments: /triage-approve")
    stage.repo.permissions["tess"] = "triage"
    await asyncio.sleep(_READING_S)
    await stage.github.comment(pull, "tess", "Clear and useful, thank you!\n\n/triage-approve")
    await stage.settled()
    narrator.expects("an approver is next", holds=pull.labels == ["skill", "triage-approved"])
    narrator.expects("the comment says so", holds="Next: an approver" in pull.comments[0].body)
    narrator.says("Mallory, who is nobody here, tries the same.")
    await stage.github.comment(pull, "mallory", "/triage-approve")
    await stage.settled()
    narrator.expects("Mallory is told who may", holds="Only a triager may do this." in pull.comments[-1].body)


async def _a_job_is_done(
    stage: Stage, narrator: Narrator, pull: Pull, name: str, within_s: float = _JOB_WITHIN_S
) -> CheckRun:
    """Have Tess ask for a job, tell how it goes, and return its check run once it is over."""
    await stage.github.comment(pull, "tess", f"/{name.lower()}")
    seen = ""
    async with asyncio.timeout(within_s):
        while (run := _check_run(pull, name)) is None or run.status != "completed":
            if run is not None and run.title != seen:
                seen = run.title or ""
                narrator.notes(f"  {run.name}: {seen}")
            await asyncio.sleep(0.1)
    await stage.settled()
    return run


def _check_run(pull: Pull, name: str) -> CheckRun | None:
    return next((run for run in pull.repo.check_runs(pull.head_sha) if run.name == name), None)


async def _an_approver_decides(stage: Stage, narrator: Narrator, pull: Pull) -> None:
    narrator.says("Ana asks why it is not merged yet: /why")
    await stage.github.comment(pull, "ana", "/why")
    await stage.settled()
    narrator.quotes(pull)
    narrator.says("Apo, an approver, comments: /approve")
    stage.repo.permissions["apo"] = "write"
    await stage.github.comment(pull, "apo", "/approve")
    await stage.settled()
    narrator.shows(pull)
    narrator.expects("it is merged, squashed, with every sign-off", holds=_is_merged_with_sign_offs(pull))
    narrator.expects("Ana is thanked", holds="Merged. Thank you" in pull.comments[0].body)


def _is_merged_with_sign_offs(pull: Pull) -> bool:
    squashed = pull.repo.head_commit.message
    return pull.merged and "Signed-off-by: ana" in squashed and f"Judged at {pull.head_sha}" in squashed


async def _knowledge_with_mistakes(stage: Stage, narrator: Narrator) -> None:
    narrator.says("Ben adds knowledge about a car, with the mistakes that people make.")
    pull = await stage.github.open_pull(
        stage.repo,
        author="ben",
        title="All about the DeLorean",
        files={f"{DELOREAN}/qna.yaml": _text("delorean_first_try/qna.yaml")},
        sign_off=False,
    )
    await stage.settled()
    narrator.shows(pull)
    narrator.expects("both checks are red", holds=_conclusions(pull) == {"failure"})
    narrator.expects("it is Ben's turn", holds=pull.labels == ["knowledge", "triage-requested-changes"])

    narrator.says("Ben follows the advice and pushes a fix, which also signs off the earlier commit.")
    title, description = _remediation(pull)
    await stage.github.push(
        pull, commits=[CommitSpec(f"{title}\n\n{description}", dict(_leaf("delorean", DELOREAN)))], sign_off=False
    )
    await stage.settled()
    narrator.shows(pull)
    narrator.expects("both checks are green now", holds=_conclusions(pull) == {"success"})
    narrator.expects("it waits for a triager now", holds=pull.labels == ["knowledge", "triage-needed"])
    narrator.expects("there is still one comment, edited", holds=len(pull.comments) == 1)


async def _a_stranger(stage: Stage, narrator: Narrator) -> None:
    narrator.says("A stranger posts a forged webhook.")
    headers = {
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "00000000-0000-0000-0000-000000000000",
        "X-Hub-Signature-256": "sha256=" + "0" * 64,
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{stage.address}/webhooks", data=b"{}", headers=headers) as answer,
    ):
        narrator.expects(f"it is refused with 401 (got {answer.status})", holds=answer.status == 401)


async def _a_student_is_taught(stage: Stage, narrator: Narrator) -> None:
    narrator.says("Ben adds knowledge about an island that he has invented, so that no model can have heard of it.")
    pull = await stage.github.open_pull(
        stage.repo, author="ben", title="All about Varholm", files=_the_island(stage.documents)
    )
    await stage.settled()
    narrator.shows(pull)
    narrator.expects("both checks are green", holds=_conclusions(pull) == {"success"})
    await _the_student_is_there(stage, narrator)
    narrator.says(f"Tess has synthetic data made of it: /generate   (teacher and judge: {NAME})")
    made = await _a_job_is_done(stage, narrator, pull, "Generate", _TAUGHT_WITHIN_S)
    narrator.expects(f"the data set is there: {made.title}", holds=made.conclusion == "success")
    narrator.says(f"Does a model learn from it? Tess asks: /evaluate   (the model: {STUDENT})")
    narrator.notes("  The worker trains an adapter on a part of the data, and asks what it was not taught with.")
    done = await _a_job_is_done(stage, narrator, pull, "Evaluate", _TAUGHT_WITHIN_S)
    narrator.expects(f"it is told on the pull request: {done.title}", holds=done.conclusion == "success")
    result = next(c.body for c in reversed(pull.comments) if c.by_app and "| PR-mmlu" in c.body)
    narrator.reads(result)
    narrator.expects("the student learned from it, and significantly", holds="improved |" in result)
    narrator.expects(
        "it is said that these are no numbers of a real model", holds="numbers of a stand-in" in result
    )
    await _the_chart_is_there(narrator, result)


async def _the_student_is_there(stage: Stage, narrator: Narrator) -> None:
    """Wait for the tiny student, telling how long it takes, and hand it to the worker."""
    narrator.says(f"A model to teach: {STUDENT}. The first demo makes it, in two to three minutes; it is kept.")
    began = told = time.monotonic()
    while stage.student.is_under_way:
        await asyncio.sleep(1)
        if time.monotonic() - told >= _NEWS_S:
            told = time.monotonic()
            narrator.notes(f"  Still making it, {told - began:.0f} s ...")
    await stage.teaches(await stage.student.made())
    narrator.notes("  It is there, and the worker was started anew with it.")


async def _the_chart_is_there(narrator: Narrator, result: str) -> None:
    found = _PICTURE.search(result)
    async with aiohttp.ClientSession() as session, session.get(found[1] if found else "") as answer:
        drawn = await answer.text()
    narrator.expects(
        f"the chart in it is drawn by the bot ({len(drawn):,} characters of SVG)", holds=drawn.startswith("<svg")
    )


def _the_island(documents: DocumentHost) -> dict[str, str]:
    """Return the leaf about the island, its document lying where the demo serves it."""
    leaf = _leaf("varholm", VARHOLM)
    text = leaf[f"{VARHOLM}/qna.yaml"]
    text = re.sub(r"repo: \S+", f"repo: {documents.url}", text)
    leaf[f"{VARHOLM}/qna.yaml"] = re.sub(r"commit: \S+", f"commit: {documents.commit}", text)
    return leaf


def _sum_up(stage: Stage, narrator: Narrator) -> None:
    narrator.says("What it cost")
    for number, triaged in enumerate(stage.triaged, start=1):
        calls = triaged.calls
        narrator.expects(
            f"triage {number}: {calls.total} API calls, {calls.writes} of them writes "
            f"(at most {_MOST_CALLS} and {_MOST_WRITES})",
            holds=calls.total <= _MOST_CALLS and calls.writes <= _MOST_WRITES,
        )
    narrator.expects("no rule of ours broke down", holds=_all_verified(stage.triaged))
    narrator.expects("the bot called nothing that GitHub does not have", holds=not stage.github.unknown_routes)
    narrator.notes(f"From somebody's act to the bot's answer: {median(stage.seconds) * 1000:.0f} ms (median).")


def _all_verified(triaged: list[Triaged]) -> bool:
    return all(not t.verdict.crashes and t.verdict.overall is not Outcome.UNVERIFIED for t in triaged)


def _conclusions(pull: Pull) -> set[str | None]:
    """Return what the checks of the rules say; whether it may be merged is another question."""
    return {run.conclusion for run in pull.repo.check_runs(pull.head_sha) if run.name in set(Check)}


def _leaf(fixture: str, folder: str) -> dict[str, str]:
    return {f"{folder}/{name}": _text(f"{fixture}/{name}") for name in ("qna.yaml", "attribution.txt")}


def _text(name: str) -> str:
    return files("bot.demo").joinpath("fixtures", *name.split("/")).read_text(encoding="utf-8")


def _remediation(pull: Pull) -> tuple[str, str]:
    """Return the ready-made text that the bot's comment offers, as Ben pastes it."""
    commits = tuple(
        Commit(
            Sha(c.sha),
            c.message,
            Identity(c.author.name, c.author.email),
            Identity(c.committer.name, c.committer.email),
            tuple(Sha(p) for p in c.parents),
        )
        for c in pull.commits
    )
    advised = advice(Contribution(files=(), commits=commits), default_policy())
    text = advised.remediation_texts[0] if advised else None
    return (text.title, text.description) if text else ("", "")
