"""A building site: the real foreman on a simulated GitHub, and a played worker that asks for leases and reports."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
from pydantic import SecretStr

from bot.budgets import Budget
from bot.job_documents import JobDocuments, NoInputsError
from bot.job_engine import JobEngine
from bot.job_flow import Patience
from bot.job_inputs import InputsError, JobInputs, Material
from bot.job_leases import Leases, Terms
from bot.job_mail import JobMail
from bot.jobs import JobKind, JobState
from bot.locks import PullLocks
from bot.nightly.builds import Build
from bot.nightly.foreman import Foreman
from bot.nightly.orders import Orders
from bot.nightly.outlook import OutlookRoom
from bot.nightly.step_inputs import StepInputs
from bot.policies import Policies
from bot.store.artifacts import ArtifactRows
from bot.store.jobs import JobStore
from bot.store.leaf_data import LeafDataStore
from bot.store.pull_requests import PullRequestStore
from bot.store.releases import ReleaseStore
from bot.store.repositories import RepositoryStore
from bot.store.stored_jobs import StoredJob
from bot.wiring import make_foreman, make_silence, open_github
from pipeline.artifacts import ArtifactStore
from pipeline.build_files import canonical, files_in
from pipeline.build_orders import ORDER, BuildOrder, Phase, Variant
from pipeline.build_results import (
    Comparison,
    GateResult,
    MixedData,
    MixResult,
    PackageResult,
    ScoreResult,
    SelectResult,
    TrainedCheckpoint,
    TrainResult,
    VariantResult,
)
from pipeline.contract import Artifact, Confirmation, Ending, JobReport, LeaseAnswer, LeaseRequest, Message, Outcome
from pipeline.evaluation_results import GateRow, ModelIdentity, Scale
from pipeline.model_store import ModelStore
from pipeline.results import GenerateResult
from tests.world.nights import Nights

MODEL = ModelIdentity("student", "a" * 64)
_RESULT_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Fails:
    """What a worker tells of a step that comes to nothing."""

    message: str
    ending: Ending = Ending.FAILED_BY_CONTRIBUTION


@dataclass
class Script:
    """What the played worker's steps come to. `fails` names steps; `gate_fails` has the gate fall."""

    fails: dict[str, Fails] = field(default_factory=dict)
    phases: tuple[Phase, ...] = (Phase.SKILLS,)
    checkpoints: tuple[str, ...] = ("epoch-1", "epoch-2")
    empty_leaves: dict[str, str] = field(default_factory=dict)
    gate_fails: bool = False
    poisoned: str = ""  # a leaf: without it the benchmark that fell is as before
    says: dict[str, Message] = field(default_factory=dict)  # what steps claim to have found out, whatever was asked
    publishes: bool = True  # the package step leaves a build in the store of models


@dataclass
class Site:
    """One process of the bot, as far as it builds, and a worker. `orders` are those that the worker has read."""

    nights: Nights
    foreman: Foreman
    store: JobStore
    leases: Leases
    inputs: Callable[[StoredJob], object]
    artifacts: ArtifactStore
    releases: ReleaseStore
    leaf_data: LeafDataStore
    models: ModelStore
    mail: _Answers
    script: Script = field(default_factory=Script)
    orders: dict[str, BuildOrder] = field(default_factory=dict)
    materials: dict[str, Material] = field(default_factory=dict)
    worked: list[str] = field(default_factory=list)

    async def looks(self) -> None:
        "The foreman looks, and brings the labels up to date."
        await self.foreman.look()
        await self.foreman.show()

    async def waiting(self) -> list[StoredJob]:
        "The steps that a worker could begin now, oldest first."
        now, found = self.nights.world.clock.now(), []
        for build in await self.nights.builds.newest(self.nights.world.repo.id, 5):
            for job in await self.store.of_build(build.id):
                life = job.life
                if life.state is JobState.QUEUED and (life.not_before is None or life.not_before <= now):
                    found.append(job)
        return found

    async def states(self, build: Build) -> dict[str, str]:
        "How the steps of a build stand."
        return {job.request.step: job.life.state.value for job in await self.store.of_build(build.id)}

    async def begins(self, job: StoredJob) -> LeaseAnswer:
        "A worker takes the message of a step, and asks for the lease."
        await self.leases.receive(LeaseRequest(job.id, job.life.attempt, "worker", "there", f"n-{job.id}"))
        return self.mail.last

    async def does(self, job: StoredJob) -> None:
        "A worker does a step, as the script says."
        try:
            material = await self.inputs(job)  # type: ignore[misc]
        except NoInputsError as error:
            state = JobState.INFRA_ERROR if error.is_ours else JobState.FAILED_BY_CONTRIBUTION
            await self.leases._engine.end_one(job.id, state, str(error))
            return
        except InputsError:  # the sender comes back to it
            later = self.nights.world.clock.now() + timedelta(seconds=5)
            await self.store.change(job.id, lambda now: replace(now, life=replace(now.life, not_before=later)))
            return
        step = job.request.step
        self.materials[step] = material
        answer = await self.begins(job)
        assert answer.is_granted, f"{step}: {answer.reason}"
        self.worked.append(step)
        outcome = self._outcome(job, material)
        await self.leases.receive(JobReport(job.id, answer.attempt, "worker", 1, answer.secret, outcome=outcome))

    async def order_of(self, job: StoredJob) -> BuildOrder:
        "What a step would be told now."
        material = await self.inputs(job)  # type: ignore[misc]
        return BuildOrder.from_json(self.artifacts.get(material.inputs[ORDER]))

    async def works_until(self, build: Build, step: str) -> None:
        "Bring a build on until a step waits, and leave it there."
        for _ in range(100):
            await self.looks()
            waiting = await self.waiting()
            if any(job.request.step == step for job in waiting):
                return
            assert waiting, f"{step} never came: {await self.states(build)}"
            await self.does(waiting[0])
        raise AssertionError(f"{step} never came: {await self.states(build)}")

    async def builds_on(self) -> None:
        "Bring on what runs until nothing is left to be done."
        for _ in range(200):
            await self.looks()
            waiting = await self.waiting()
            if not waiting:
                await self.nights.world.clock.advance(minutes=2)  # the pause of a retry
                if not (waiting := await self.waiting()):
                    await self.looks()
                    return
            await self.does(waiting[0])
        raise AssertionError("the build does not come to an end")

    async def build(self) -> Build:
        "The newest build."
        return (await self.nights.builds.newest(self.nights.world.repo.id, 1))[0]

    def _outcome(self, job: StoredJob, material: Material) -> Outcome:
        step, kind = job.request.step, job.request.kind
        if failure := self.script.fails.get(step):
            return Outcome(failure.ending, failure.message)
        if kind is JobKind.GENERATE:
            result: Message = GenerateResult(job.request.head_sha, "teacher", 0, (), ())
            return self._made(
                result, {f"leaf.{name}": step.encode() for name in ("samples.jsonl", "manifest.json")}
            )
        order = BuildOrder.from_json(self.artifacts.get(material.inputs[ORDER]))
        self.orders[step] = order
        for artifact in order.files.values():
            assert self.artifacts.exists(artifact), f"{step} cannot have {artifact.name}"
        return self._made(self._found(kind, order), {"epoch-1.model": b"1"} if kind is JobKind.TRAIN else {})

    def _found(self, kind: JobKind, order: BuildOrder) -> Message:
        script = self.script
        if said := script.says.get(order.step):
            return said
        phase = (
            Phase(order.step.split("/")[1])
            if order.step.count("/") and kind is not JobKind.VARIANT
            else Phase.SKILLS
        )
        match kind:
            case JobKind.MIX:
                phases = {str(each): MixedData(each, "b" * 64, 10) for each in script.phases}
                return MixResult(phases, 4, script.empty_leaves)
            case JobKind.TRAIN:
                checkpoints = tuple(TrainedCheckpoint(name, n) for n, name in enumerate(script.checkpoints, 1))
                return TrainResult(phase, MODEL, checkpoints, student=MODEL)
            case JobKind.SCORE:
                return ScoreResult(phase, order.checkpoint, 0.5, 10)
            case JobKind.SELECT:
                return SelectResult(phase, "epoch-1", (), "the best", MODEL)
            case JobKind.VARIANT:
                assert order.variant is not None
                return self._measured(order.variant)
            case JobKind.GATE:
                row = GateRow("mmlu", Scale.ACCURACY, -0.3, -0.4, -0.2, 0.001, 0.02, not script.gate_fails)
                return GateResult(MODEL, (Comparison("the last good build", (), (row,)),), noise={"mmlu": 0.01})
            case _:
                return self._packaged(order.build)

    def _packaged(self, name: str) -> PackageResult:
        if not self.script.publishes:
            return PackageResult(name, "c" * 64, 1000, 3)
        with TemporaryDirectory() as folder:
            (Path(folder) / "config.json").write_text("{}")
            files = [
                {"path": each.path, "sha256": each.sha256, "size": each.size} for each in files_in(Path(folder))
            ]
            (Path(folder) / "manifest.json").write_bytes(canonical({"name": name, "files": files}))
            published = self.models.write(name, Path(folder))
        return PackageResult(name, published.manifest_sha256, 1000, 2)

    def _measured(self, variant: Variant) -> VariantResult:
        is_bad = bool(self.script.poisoned) and self.script.poisoned not in variant.without
        score = 0.4 if is_bad else 0.7
        return VariantResult(variant.seed, variant.without, {"mmlu": score + variant.seed / 1000}, {"mmlu": 100})

    def _made(self, result: Message, files: dict[str, bytes]) -> Outcome:
        stored = self.artifacts.put("result.json", result.to_json().encode(), _RESULT_TYPE)
        return Outcome(
            Ending.SUCCEEDED, "", stored, tuple(self._put(name, data) for name, data in files.items()), 60.0
        )

    def _put(self, name: str, data: bytes) -> Artifact:
        return self.artifacts.put(name, data, "application/octet-stream")


class _Answers(JobMail):
    """The bot's mail, without a broker: what it answers is kept."""

    def __init__(self) -> None:
        super().__init__("memory://")
        self.last: LeaseAnswer

    async def answer(self, worker: str, message: LeaseAnswer | Confirmation) -> None:
        "Keep an answer about a lease."
        if isinstance(message, LeaseAnswer):
            self.last = message


@contextlib.asynccontextmanager
async def site_of(nights: Nights, folder: Path, budget: Budget | None = None) -> AsyncIterator[Site]:
    "Open a process of the bot that builds, beside whichever others there are."
    world, engine = nights.world, nights.engine
    clock, settings = world.clock, world.settings
    async with aiohttp.ClientSession() as session:
        github, policies = (
            open_github(session, settings, clock, gate=make_silence(engine, clock)),
            Policies(settings, clock),
        )
        store, mail, repositories = JobStore(engine), _Answers(), RepositoryStore(engine, clock)
        rows, artifacts = ArtifactRows(engine), ArtifactStore(str(folder / "artifacts"))
        leaf_data, releases = LeafDataStore(engine), ReleaseStore(engine)
        models = ModelStore(settings.models_url, world.repo.id)
        told: list[Callable[[StoredJob, StoredJob], object]] = []

        async def changed(before: StoredJob, after: StoredJob) -> None:
            for tell in told:
                await tell(before, after)  # type: ignore[misc]

        queue = JobEngine(store, mail, budget or Budget(), clock, lambda: None, changed)
        outlooks = OutlookRoom(nights.builds, store, leaf_data, artifacts, settings.night_terms, clock)
        foreman = make_foreman(github, settings, policies, engine, clock, queue, outlooks, PullLocks())
        told.append(foreman.job_changed)
        documents = JobDocuments(rows, artifacts, clock, lambda: None)
        of_pulls = JobInputs(github, policies, repositories, rows, artifacts, documents, store, clock, settings)
        inputs = StepInputs(
            github,
            policies,
            repositories,
            nights.builds,
            outlooks,
            Orders(nights.builds, store, releases, rows, artifacts, clock),
            rows,
            artifacts,
            of_pulls.documents_of,
            clock,
        )
        terms = Terms({kind: timedelta(hours=4) for kind in JobKind}, Patience())
        memories, secret = PullRequestStore(engine), SecretStr("the webhook secret of the tests")
        leases = Leases(queue, store, memories, mail, terms, secret, clock, lambda: None, changed, nights.builds)
        yield Site(nights, foreman, store, leases, inputs.of, artifacts, releases, leaf_data, models, mail)
        await documents.stop()
