"""`taxonomy-pipeline generate`: synthetic data of leaves in a checkout, by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from checks.contribution import ATTRIBUTION_FILE, LEAF_FILE, ROOTS, Contribution
from pipeline.generation import SAMPLES, LeafData, Order, Subject, generate
from pipeline.lessons import LeafDocuments, LessonError, contribution_of, subjects_of
from pipeline.local_documents import LocalDocumentsError, documents_of
from pipeline.results import LeafYield
from pipeline.sdg.blocks.block import Models
from pipeline.sdg.flow import FlowError, read_flow
from pipeline.sdg.prompts import PromptError
from pipeline.settings import PipelineSettings, PipelineSettingsError, read_pipeline_settings
from pipeline.teacher import CacheError, ReplyCache, Teacher, TeacherError
from pipeline.yields import yield_of

_ON_SCREEN = Console(highlight=False)
_ASIDE = Console(stderr=True, highlight=False)


class LeavesError(Exception):
    """What was named on the command line is no leaf; the text says what to name instead."""


def generate_command(
    leaves: Annotated[
        list[Path], typer.Argument(help="qna.yaml files, or folders of a taxonomy with some in them.")
    ],
    out: Annotated[Path, typer.Option(help="Where the data sets go, a folder for each leaf.")] = Path("generated"),
    documents: Annotated[
        Path | None, typer.Option(help="Take the documents from this folder instead of fetching them.")
    ] = None,
    flow: Annotated[
        list[str] | None, typer.Option(help="Use this flow, by name or file; more than one may be given.")
    ] = None,
    teacher_url: Annotated[str, typer.Option(help="An OpenAI-compatible server, up to /v1.")] = "",
    teacher_model: Annotated[str, typer.Option(help="The model to ask for there.")] = "",
    seed: Annotated[int | None, typer.Option(help="Decides all chance.")] = None,
    auxiliary: Annotated[bool, typer.Option(help="Write summaries of the documents, too.")] = False,
) -> None:
    """Generate synthetic data from leaves. Run again, it goes on where it stopped, and does nothing twice."""
    given: dict[str, Any] = {"teacher_url": teacher_url, "teacher_model": teacher_model, "generate_seed": seed}
    try:
        settings = read_pipeline_settings(
            **{name: value for name, value in given.items() if value not in ("", None)}
        )
        if not settings.teacher_url or not settings.teacher_model:
            raise PipelineSettingsError(
                "No model is configured: give --teacher-url and --teacher-model, or set "
                "TAXONOMY_PIPELINE_TEACHER_URL and TAXONOMY_PIPELINE_TEACHER_MODEL. To try it without a model, "
                "start `taxonomy-pipeline offline-teacher` in another terminal."
            )
        order = _order(settings, flow or [], auxiliary=auxiliary)
        contribution = contribution_of(dict(_files(leaves)))
        subjects = subjects_of(contribution, _documents(contribution, documents, settings, out))
        out.mkdir(parents=True, exist_ok=True)
        made = asyncio.run(_generated(subjects, order, settings, out))
    except (PipelineSettingsError, FlowError, LeavesError, LessonError, LocalDocumentsError) as error:
        _ASIDE.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None
    except (TeacherError, CacheError, PromptError) as error:
        _ASIDE.print(f"{error}\nWhat is done is kept: run the same again to go on.", style="red", markup=False)
        raise typer.Exit(1) from None
    _tell([yield_of(subject.lesson, data) for subject, data in zip(subjects, made, strict=True)], made, settings)


def _order(settings: PipelineSettings, flows: Sequence[str], *, auxiliary: bool) -> Order:
    chosen = tuple(read_flow(name) for name in flows)
    if len({each.name for each in chosen}) < len(chosen):
        raise FlowError("Two of the flows have the same name; give one of them another.")
    with_auxiliary = auxiliary or settings.generate_auxiliary
    return Order(settings.teacher_model, settings.critic.model, settings.generate_seed, with_auxiliary, chosen)


def _files(leaves: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Yield the leaves and their attributions: path in the taxonomy, text. Raises LeavesError."""
    for named in leaves:
        found = sorted(named.rglob(LEAF_FILE)) if named.is_dir() else [named]
        if not found or not all(path.is_file() for path in found):
            raise LeavesError(f"{named}: there is no {LEAF_FILE} here. Name one, or a folder that holds some.")
        for path in found:
            for file in (path, path.with_name(ATTRIBUTION_FILE)):
                if file.is_file():
                    yield _path_in_taxonomy(file), file.read_text(encoding="utf-8", errors="replace")


def _path_in_taxonomy(file: Path) -> str:
    parts = file.resolve().parts
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] in ROOTS:
            return "/".join(parts[at:])
    raise LeavesError(f"{file}: this lies under none of {', '.join(ROOTS)}, so it is no leaf of a taxonomy.")


def _documents(
    contribution: Contribution, folder: Path | None, settings: PipelineSettings, out: Path
) -> Mapping[str, LeafDocuments]:
    found = {}
    for leaf in contribution.leaves:
        if leaf.is_knowledge:
            if folder is None:
                _ASIDE.print(f"Fetching the documents of {leaf.path} ...", markup=False)
            found[leaf.path] = documents_of(leaf, folder, out / ".documents", settings)
    return found


async def _generated(
    subjects: Sequence[Subject], order: Order, settings: PipelineSettings, out: Path
) -> list[LeafData]:
    async with AsyncExitStack() as stack:
        cache_file = settings.teacher_cache or out / ".teacher-cache.sqlite"
        cache = stack.enter_context(ReplyCache(cache_file, settings.teacher_cache_limits))
        teacher = await stack.enter_async_context(Teacher(settings.teacher, cache))
        critic = teacher
        if settings.critic != settings.teacher:
            critic = await stack.enter_async_context(Teacher(settings.critic, cache))
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=_ASIDE, transient=True) as progress:
            task = progress.add_task("Generating", total=1.0)

            def told(share: float, stage: str) -> None:
                progress.update(task, completed=share, description=stage)

            return await generate(subjects, order, Models(teacher, critic), out, told)


def _tell(yields: Sequence[LeafYield], made: Sequence[LeafData], settings: PipelineSettings) -> None:
    for leaf, data in zip(yields, made, strict=True):
        _ON_SCREEN.print()
        _ON_SCREEN.print(leaf.path, style="bold", markup=False)
        if data.is_old:
            _ON_SCREEN.print("Nothing to do: this is up to date, made from the same by the same model.")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_row(str(leaf.kept), f"samples kept of {leaf.candidates}")
        if leaf.questions:
            table.add_row(str(leaf.questions), "multiple choice questions to measure with")
        for line in _earlier_and_missing(leaf, data):
            table.add_row(*line)
        for reason, count in leaf.dropped.items():
            table.add_row(str(count), f"dropped: {reason}", style="dim")
        _ON_SCREEN.print(table)
        _ON_SCREEN.print(str(data.folder / SAMPLES), markup=False, soft_wrap=True)
    _ON_SCREEN.print(f"\nWritten by {settings.teacher_model}, judged by {settings.critic.model}.", markup=False)


def _earlier_and_missing(leaf: LeafYield, data: LeafData) -> Iterator[tuple[str, str]]:
    """Yield how many answers an earlier run had got already, and how many nobody got."""
    blocks = (*leaf.blocks, *leaf.measuring)
    earlier = sum(block.from_cache for block in blocks)
    if earlier and not data.is_old:
        yield str(earlier), f"answers of {sum(block.requests for block in blocks)} were there already"
    if missing := data.manifest["unanswered"]:
        yield str(missing), "questions to the model came to nothing: run the same again to ask only those"
