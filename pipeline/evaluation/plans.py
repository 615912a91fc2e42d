"""How an evaluation is done, and by whom it is judged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.evaluation.gates import MARGINS
from pipeline.evaluation.mmlu_tasks import Form
from pipeline.evaluation.pr_mmlu import SHOTS
from pipeline.evaluation_results import ModelIdentity, Scale
from pipeline.settings import PipelineSettings
from pipeline.teacher import ReplyCache, Teacher
from pipeline.teacher_cache_limits import CacheLimits
from pipeline.teacher_settings import TeacherSettings
from pipeline.tiny import MODEL_ID, NAME
from pipeline.training.settings import PRESETS, Preset, TrainingSettings

OFFLINE = frozenset({NAME, MODEL_ID})  # names of the teacher that is none


@dataclass(frozen=True, slots=True)
class Jury:
    """The model that judges, and where its replies are remembered."""

    settings: TeacherSettings
    cache: Path
    limits: CacheLimits

    @property
    def identity(self) -> ModelIdentity:
        """What it is called; its files are elsewhere."""
        return ModelIdentity(self.settings.model)

    @asynccontextmanager
    async def seated(self) -> AsyncIterator[Teacher]:
        """Open the way to it meanwhile. Raises TeacherError, CacheError."""
        async with AsyncExitStack() as stack:
            cache = stack.enter_context(ReplyCache(self.cache, self.limits))
            yield await stack.enter_async_context(Teacher(self.settings, cache))


@dataclass(frozen=True, slots=True)
class GateFiles:
    """General benchmarks on this machine on which a model may not fall; and how far it may."""

    mmlu: Path | None = None
    two_turns: Path | None = None
    subset: str = "all"
    accuracy_margin: float = MARGINS[Scale.ACCURACY]
    score_margin: float = MARGINS[Scale.SCORE]


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """How to train and to ask. `seeds` is the number of trainings; `repeats` how often each answer is judged."""

    preset: Preset = Preset.PULL_REQUEST
    seeds: int = 1
    repeats: int = 1
    shots: tuple[int, ...] = SHOTS
    swapped: bool = False
    answer_tokens: int = 512
    batch_size: int = 16
    gates: GateFiles = GateFiles()
    jury: Jury | None = None

    @property
    def trainings(self) -> tuple[TrainingSettings, ...]:
        """The settings of each training: the same but for the seed."""
        settings = PRESETS[self.preset]
        return tuple(settings.having(seed=settings.seed + number) for number in range(self.seeds))

    @property
    def form(self) -> Form:
        """What is scored of a choice."""
        return Form.ANSWERS if self.preset is Preset.TINY else Form.LETTERS

    @property
    def with_chat_template(self) -> bool:
        """True where questions are asked as in a chat."""
        return self.preset is Preset.TINY


def plan_of(settings: PipelineSettings) -> EvaluationPlan:
    """Return the plan that a worker is set to follow."""
    files = GateFiles(
        settings.evaluate_gates_mmlu,
        settings.evaluate_gates_two_turns,
        settings.evaluate_gates_subset,
        settings.evaluate_gates_accuracy_margin,
        settings.evaluate_gates_score_margin,
    )
    return EvaluationPlan(
        preset=settings.student_preset,
        seeds=settings.evaluate_seeds,
        repeats=settings.evaluate_repeats,
        swapped=settings.evaluate_swapped,
        answer_tokens=settings.evaluate_answer_tokens,
        batch_size=settings.evaluate_batch_size,
        gates=files,
        jury=jury_of(settings),
    )


def jury_of(settings: PipelineSettings) -> Jury | None:
    """Return the critic as the judge; None where none is configured."""
    if not settings.critic.url:
        return None
    cache = settings.teacher_cache or settings.work_dir / "teacher-cache.sqlite"
    return Jury(settings.critic, cache, settings.teacher_cache_limits)


def tiny_name(model: Path) -> str:
    """Return what the tiny student is called, where the model is one; empty for any other."""
    from pipeline.tiny.student import NAME as TINY
    from pipeline.tiny.student import manifest_of

    return TINY if manifest_of(model) is not None else ""


def stand_ins(student: str, judge: ModelIdentity | None, teachers: tuple[str, ...]) -> str:
    """Return what stood in for large models, in words; empty where nothing did. `student` names a tiny one."""
    found = [student] if student else []
    judges, writes = judge is not None and judge.name in OFFLINE, not OFFLINE.isdisjoint(teachers)
    if judges or writes:
        did = " and ".join(part for part, holds in (("wrote the data", writes), ("judged", judges)) if holds)
        found.append(f"{NAME}, which {did}")
    return "; ".join(found)
