"""Diagrams of docs/architecture.md that are drawn from the code: a job's life, and which package knows which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.job_flow import Life, Patience, begun_again, ended, granted, looked_after, told
from bot.jobs import JobState
from pipeline.contract import Ending, JobReport, Outcome

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PATIENCE = Patience()
_SECRET = "a secret"  # noqa: S105 - of a lease that only this drawing holds
_WORDS = {
    Ending.SUCCEEDED: "the worker is done",
    Ending.FAILED_BY_CONTRIBUTION: "nothing can be made of the contribution",
    Ending.INFRA_ERROR: "trouble of ours",
    Ending.TIMED_OUT: "its time is up",
    Ending.STOPPED: "it was told to stop",
    Ending.HANDED_BACK: "the worker goes away and hands it back",
}
ROOT = Path(__file__).parents[2]
_PART = "<!-- made: {name} -->\n{text}<!-- made -->"
_PARTS = re.compile(r"<!-- made: (?P<name>[\w-]+) -->\n.*?<!-- made -->", re.DOTALL)


def architecture_page() -> str:
    """Return docs/architecture.md with its drawn parts anew; the words between them stay as they are."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = {"a-jobs-life": job_diagram(), "arrows": arrows_diagram()}

    def renewed(part: re.Match[str]) -> str:
        return _PART.format(name=part["name"], text=f"```mermaid\n{drawn[part['name']]}```\n")

    return _PARTS.sub(renewed, text)


def job_moves() -> list[tuple[JobState, JobState, str]]:
    """Return every change of state that a job can see, found by letting everything happen to it in each state."""
    running = granted(Life(), 1, "worker", _SECRET, _NOW, timedelta(hours=1), timedelta())
    spent = granted(
        Life(infra_retries=_PATIENCE.infra_retries), 1, "worker", _SECRET, _NOW, timedelta(hours=1), timedelta()
    )
    moves = [(JobState.QUEUED, running.state, "a worker asks and gets the lease")]
    for ending, words in _WORDS.items():
        for life, tries in ((running, ", a retry is left"), (spent, ", no retry is left")):
            after = told(life, _report(ending), _NOW, _PATIENCE)
            moves.append((running.state, after.state, words + (tries if ending is Ending.INFRA_ERROR else "")))
    silent = _NOW + _PATIENCE.heartbeat
    moves.append((running.state, looked_after(running, silent, _PATIENCE).state, "the worker falls silent"))
    moves.append((running.state, looked_after(spent, silent, _PATIENCE).state, "silent, no retry is left"))
    for life in (Life(), running):
        moves.append((life.state, ended(life, JobState.CANCELLED).state, "somebody cancels it"))
        moves.append((life.state, ended(life, JobState.SUPERSEDED).state, "a push or a close"))
    moves += [(state, begun_again(Life(state)).state, "/retry") for state in JobState if state.is_retriable]
    return list(dict.fromkeys(moves))


def job_diagram() -> str:
    """Return the diagram of a job's states."""
    said: dict[tuple[JobState, JobState], list[str]] = {}
    for source, target, words in job_moves():
        said.setdefault((source, target), []).append(words)
    lines = ["stateDiagram-v2", *(f"    {_id(state)} : {state}" for state in JobState)]
    lines.append(f"    [*] --> {_id(JobState.QUEUED)} : somebody asks for it")
    lines += [f"    {_id(a)} --> {_id(b)} : {'<br/>'.join(words)}" for (a, b), words in said.items()]
    return "\n".join(lines) + "\n"


def arrows_diagram() -> str:
    """Return the diagram of which package imports which, as the sources do."""
    lines = ["flowchart TD"]
    for package, about in _PACKAGES.items():
        lines.append(f'    {package}["{package}<br/>{about}"]')
    lines += [
        f"    {a} -->|{_SHARED.get((a, b)) or _what(modules)}| {b}" for (a, b), modules in sorted(imports().items())
    ]
    return "\n".join(lines) + "\n"


def imports() -> dict[tuple[str, str], set[str]]:
    """Return for each pair of packages which modules of the second the first imports."""
    found: dict[tuple[str, str], set[str]] = {}
    for package in _PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for module in _imported(file.read_text(encoding="utf-8")):
                other = module.partition(".")[0]
                if other in _PACKAGES and other != package:
                    found.setdefault((package, other), set()).add(module)
    return found


_PACKAGES = {
    "bot": "the GitHub App: GitHub credentials, database",
    "pipeline": "workers: model servers, artifacts",
    "checks": "the rules: nothing but the contribution",
}

# said in a word: which modules these are, tests/test_architecture.py holds
_SHARED = {("bot", "pipeline"): "only what both share"}


def _imported(source: str) -> Iterator[str]:
    yield from re.findall(r"^\s*(?:from|import) ((?:bot|pipeline|checks)(?:\.\w+)*)\b", source, re.MULTILINE)


def _what(modules: Iterable[str]) -> str:
    names = sorted(modules)
    return "anything" if len(names) > 12 else "<br/>".join(names)


def _id(state: JobState) -> str:
    return state.value.replace(" ", "_")


def _report(ending: Ending) -> JobReport:
    return JobReport(
        job_id=1, attempt=1, worker="worker", secret=_SECRET, sequence=1, outcome=Outcome(ending, "words")
    )
