"""`taxonomy-pipeline generate`: synthetic data of leaves in a checkout, by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from checks.contribution import ATTRIBUTION_FILE, LEAF_FILE, ROOTS, Contribution
from pipeline.datasets import DatasetError, alone_in
from pipeline.generate_screen import ASIDE, progress_shown, show_spent, show_yields
from pipeline.generation import LeafData, Order, Subject, generate
from pipeline.lessons import LeafDocuments, LessonError, contribution_of, subjects_of
from pipeline.local_documents import LocalDocumentsError, documents_of
from pipeline.sdg.blocks.block import Models
from pipeline.sdg.flow import FlowError, read_flow
from pipeline.sdg.prompts import PromptError
from pipeline.settings import PipelineSettings, PipelineSettingsError, read_pipeline_settings
from pipeline.teacher import CacheError, Counters, ReplyCache, Teacher, TeacherError
from pipeline.yields import yield_of

_GO_ON = "What is done is kept: run the same again to go on."


class LeavesError(Exception):
    """What was named on the command line is no leaf; the text says what to name instead."""


_MISTAKES = (
    PipelineSettingsError,
    FlowError,
    PromptError,
    LeavesError,
    LessonError,
    LocalDocumentsError,
    DatasetError,
)  # of whoever gave the command: nothing was asked


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
        contribution = contribution_of(_files(leaves))
        out.mkdir(parents=True, exist_ok=True)
        with alone_in(out):
            subjects = subjects_of(contribution, _documents(contribution, documents, settings, out))
            made, counters = asyncio.run(_generated(subjects, order, settings, out))
    except _MISTAKES as error:
        ASIDE.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    except (TeacherError, CacheError) as error:
        ASIDE.print(f"{error}\n{_GO_ON}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        ASIDE.print(f"{where}{error.strerror}. Put that right. {_GO_ON}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        ASIDE.print(f"Stopped. {_GO_ON}", markup=False)
        raise typer.Exit(130) from None
    yields = [yield_of(subject.lesson, data) for subject, data in zip(subjects, made, strict=True)]
    show_yields(yields, made, f"Written by {settings.teacher_model}, judged by {settings.critic.model}.")
    show_spent(counters)


def _order(settings: PipelineSettings, flows: Sequence[str], *, auxiliary: bool) -> Order:
    chosen = tuple(read_flow(name) for name in flows)
    if len({each.name for each in chosen}) < len(chosen):
        raise FlowError("Two of the flows have the same name; give one of them another.")
    with_auxiliary = auxiliary or settings.generate_auxiliary
    return Order(settings.teacher_model, settings.critic.model, settings.generate_seed, with_auxiliary, chosen)


def _files(leaves: Sequence[Path]) -> dict[str, str]:
    """Return the leaves and their attributions: path in the taxonomy, text. Raises LeavesError."""
    found: dict[str, Path] = {}
    for leaf in _leaf_files(leaves):
        for file in (leaf, leaf.with_name(ATTRIBUTION_FILE)):
            if file.is_file():
                path = _path_in_taxonomy(file)
                if not found.setdefault(path, file).samefile(file):
                    raise LeavesError(
                        f"{found[path]} and {file} are both {path} in their taxonomies. Generate from one after "
                        "the other, each with an --out of its own."
                    )
    return {path: file.read_text(encoding="utf-8", errors="replace") for path, file in found.items()}


def _leaf_files(leaves: Sequence[Path]) -> Iterator[Path]:
    for named in leaves:
        found = sorted(named.rglob(LEAF_FILE)) if named.is_dir() else [named]
        if not found or not all(path.is_file() and path.name == LEAF_FILE for path in found):
            raise LeavesError(f"{named}: there is no {LEAF_FILE} here. Name one, or a folder that holds some.")
        yield from found


def _path_in_taxonomy(file: Path) -> str:
    """Return the path of a leaf in its checkout; where that is none, from the last folder that is a taxonomy's."""
    whole = file.resolve()
    for folder in whole.parents:
        if (folder / ".git").exists() and whole.relative_to(folder).parts[0] in ROOTS:
            return whole.relative_to(folder).as_posix()
    parts = whole.parts
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] in ROOTS:
            return "/".join(parts[at:])
    raise LeavesError(f"{file}: this lies under none of {', '.join(ROOTS)}, so it is no leaf of a taxonomy.")


def _documents(
    contribution: Contribution, folder: Path | None, settings: PipelineSettings, out: Path
) -> Mapping[str, LeafDocuments]:
    found = {}
    knowledge = [leaf for leaf in contribution.leaves if leaf.is_knowledge]
    for leaf in knowledge:
        own = folder
        if folder is None:
            ASIDE.print(f"Fetching the documents of {leaf.path} ...", markup=False)
        elif len(knowledge) > 1:
            own = folder / leaf.file.folder
            if not own.is_dir():
                raise LocalDocumentsError(
                    f"{len(knowledge)} leaves need documents: put those of {leaf.path} into {own}, and the others' "
                    "likewise, or generate from one leaf after the other."
                )
        found[leaf.path] = documents_of(leaf, own, out / ".documents", settings)
    return found


async def _generated(
    subjects: Sequence[Subject], order: Order, settings: PipelineSettings, out: Path
) -> tuple[list[LeafData], list[Counters]]:
    async with AsyncExitStack() as stack:
        cache_file = settings.teacher_cache or out / ".teacher-cache.sqlite"
        cache = stack.enter_context(ReplyCache(cache_file, settings.teacher_cache_limits))
        teacher = await stack.enter_async_context(Teacher(settings.teacher, cache))
        critic = teacher
        if settings.critic != settings.teacher:
            critic = await stack.enter_async_context(Teacher(settings.critic, cache))
        servers = {(settings.teacher.url, teacher), (settings.critic.url, critic)}
        tell = await stack.enter_async_context(progress_shown(ASIDE, servers, settings.teacher_away_after_s))
        made = await generate(subjects, order, Models(teacher, critic), out, tell)
        return made, [each.counters for each in dict.fromkeys((teacher, critic))]
