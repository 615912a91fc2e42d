"""The rooms of the bot, each wired to what it needs: for the bot itself, and for commands that need only some."""

from __future__ import annotations

from functools import partial

import aiohttp
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.answers import Answers
from bot.apply import OpenWriter
from bot.artifact_links import ArtifactLinks
from bot.batches import Batches
from bot.caretaker import Caretaker
from bot.clock import Clock
from bot.closing import Closing
from bot.command_desk import CommandDesk
from bot.comments.markers import MarkerSigner
from bot.delivery_retention import DeliveryRetention
from bot.desk import Desk, OnTriaged, Rooms
from bot.dossier import Dossiers
from bot.effects import EffectDesk
from bot.fixing import Fixer
from bot.github.client import GitHubApp, MayWrite
from bot.github.gate import Gate
from bot.github.pacing import WriteLimits
from bot.hand_labels import HandLabels
from bot.inbox import Inbox
from bot.job_ends import JobEnds
from bot.job_engine import JobEngine
from bot.job_retention import JobRetention
from bot.jobs import JobQueue
from bot.linked_documents import DocumentTerms, LinkedDocuments
from bot.locks import PullLocks
from bot.look import Looks
from bot.merge_groups import MergeGroups
from bot.merging import MergeDesk
from bot.neighbourhood import Neighbourhood
from bot.nightly.build_labels import BuildLabels
from bot.nightly.build_marks import BuildMarks
from bot.nightly.desk import NightlyDesk
from bot.nightly.foreman import Foreman
from bot.nightly.gathering import PlanRoom
from bot.nightly.outlook import OutlookRoom
from bot.nightly.quarantining import QuarantineDesk
from bot.nightly.release_desk import ReleaseDesk
from bot.nightly.release_keeper import ReleaseKeeper
from bot.nightly.reporting import Reporting, make_watch
from bot.nightly.scheduler import NightlyScheduler
from bot.observing import Observer, SilentHistory
from bot.page_links import PageLinks
from bot.permissions import Permissions
from bot.places import Places
from bot.plan import Planner
from bot.policies import Policies
from bot.polling.lookout import Lookout
from bot.reading_desk import ReadingDesk
from bot.reconcile import Reconciler
from bot.records import Records
from bot.redelivery import Redelivery
from bot.replica import Replica
from bot.reruns import Reruns
from bot.rule_sets import RuleSets
from bot.rule_workers import RuleWorkers
from bot.same_leaf import SameLeaf
from bot.settings import BotSettings
from bot.silence import Silence
from bot.store.adoption import AdoptionStore
from bot.store.approvals import ApprovalStore
from bot.store.artifacts import ArtifactRows
from bot.store.batches import BatchStore
from bot.store.builds import BuildStore
from bot.store.deliveries import DeliveryStore
from bot.store.desk_log import DeskLog
from bot.store.history import History
from bot.store.jobs import JobStore
from bot.store.leaves import LeafStore
from bot.store.merge_requests import MergeRequestStore
from bot.store.pardons import PardonStore
from bot.store.passages import PassageStore
from bot.store.polls import PollStore
from bot.store.pull_requests import PullRequestStore
from bot.store.quarantine import QuarantineStore
from bot.store.readings import ReadingStore
from bot.store.redeliveries import RedeliveryStore
from bot.store.releases import ReleaseStore
from bot.store.reminders import ReminderStore
from bot.store.repositories import RepositoryStore
from bot.store.rule_starts import RuleStarts
from bot.sweeper import Sweeper
from bot.triage import Triage
from bot.witness import Witness
from pipeline.artifacts import ArtifactStore
from pipeline.model_store import ModelStore


def make_desk(
    github: GitHubApp,
    settings: BotSettings,
    policies: Policies,
    engine: AsyncEngine,
    workers: RuleWorkers,
    clock: Clock,
    jobs: JobQueue,
    on_triaged: OnTriaged | None = None,
    locks: PullLocks | None = None,
    documents: LinkedDocuments | None = None,
    neighbourhood: Neighbourhood | None = None,
) -> tuple[Desk, Sweeper]:
    """Return the desk with all its rooms, and the sweeper that brings it what nobody told us."""
    signer, desk_log, locks = MarkerSigner(settings.webhook_secrets), DeskLog(engine), locks or PullLocks()
    records = make_records(engine, jobs, clock, starts_adopted=settings.starts_adopted)
    memories = records.memories
    rule_sets = RuleSets(memories, RuleStarts(engine), clock)
    looks = Looks(policies, rule_sets, workers, documents, neighbourhood, most_commits=settings.max_commits)
    dossiers = Dossiers(records, clock)
    effects = EffectDesk(records, desk_log, clock)
    planner = Planner(signer, settings.github_web_url, PageLinks(settings.public_url))
    commands = CommandDesk(
        github, policies, Permissions(clock), memories, dossiers, effects, desk_log, signer, clock
    )
    readings = ReadingDesk(ReadingStore(engine), workers, records.history, clock, settings.keeps_readings_for)
    labels = HandLabels(github, commands, memories, desk_log, signer, clock)
    triage = Triage(
        github,
        looks,
        planner,
        dossiers,
        effects,
        records,
        desk_log,
        signer,
        clock,
        readings=readings,
        labels=labels,
    )
    silence = make_silence(engine, clock)
    batches = Batches(github, commands, triage, memories, BatchStore(engine), signer, locks, clock, silence)
    web_url = settings.github_web_url
    fixer = Fixer(github, looks, records.pardons, desk_log, signer, clock, web_url=web_url)

    def triage_with(those: Records, writer: OpenWriter) -> Triage:
        return Triage(
            github, looks, planner, dossiers, effects, those, desk_log, signer, clock, writer, readings=readings
        )

    observer = Observer(github, silence, records, SilentHistory(engine), triage_with, desk_log, clock)
    rooms = Rooms(
        triage=triage,
        commands=commands,
        answers=Answers(
            github, looks, records.pardons, batches, fixer, signer, clock, web_url=settings.github_web_url
        ),
        labels=labels,
        witness=Witness(github, records, effects, desk_log, signer, clock),
        merging=MergeDesk(github, policies, looks, dossiers, memories, records.merges, desk_log, clock, locks),
        groups=MergeGroups(github, policies, looks, dossiers, memories, clock),
        closing=Closing(github, records, signer, clock, builds_at=settings.schedule if settings.nightly else None),
        reruns=Reruns(github, commands, jobs, signer, clock),
        ends=JobEnds(records, effects, clock),
        fixer=fixer,
        observer=observer,
    )
    desk = Desk(github, policies, records, rooms, locks, SameLeaf(records.leaves), on_triaged, neighbourhood)
    caretaker = Caretaker(github, records, dossiers, effects, desk_log, signer, clock, locks)
    reconciler = Reconciler(github, desk, policies, records, desk_log, caretaker, clock, silence, documents)
    if documents is not None:
        documents.tell(partial(_look_again, desk, records.repositories))
    if neighbourhood is not None:
        neighbourhood.start(partial(_look_again, desk, records.repositories))
    logs = JobRetention(JobStore(engine), records.history, clock, settings.keeps_logs_for)
    told = DeliveryRetention(DeliveryStore(engine), records.history, clock, settings.keeps_deliveries_for)
    tidying = (logs.clean_up, told.clean_up, readings.clean_up)
    every_s, serves = settings.sweep_minutes * 60, settings.repositories
    missing = RedeliveryStore(engine)
    redelivery = Redelivery(github, missing, records.history, records.repositories, clock, serves)
    places = Places(github, records.repositories, clock)
    sweeper = Sweeper(
        redelivery, reconciler, records.repositories, places, tidying, clock, every_s=every_s, serves=serves
    )
    return desk, sweeper


async def _look_again(desk: Desk, repositories: RepositoryStore, repository_id: int, number: int) -> None:
    origin = await repositories.origin_of(repository_id)
    if origin is not None:
        await desk.refresh(origin, number)


def make_silence(engine: AsyncEngine, clock: Clock) -> Silence:
    """Return what knows where we speak: the gate of all writes."""
    return Silence(AdoptionStore(engine), clock)


def make_documents(
    settings: BotSettings, engine: AsyncEngine, artifacts: ArtifactStore, clock: Clock
) -> LinkedDocuments | None:
    """Return what fetches the documents of pull requests; None where that is switched off."""
    if not settings.check_documents:
        return None
    terms = DocumentTerms(settings.document_wait_s, settings.document_networks, settings.document_ca_file)
    return LinkedDocuments(ArtifactRows(engine), artifacts, clock, terms)


def make_neighbourhood(
    github: GitHubApp, settings: BotSettings, engine: AsyncEngine, workers: RuleWorkers, clock: Clock
) -> Neighbourhood | None:
    """Return what pull requests are compared with; None where that is switched off."""
    if not settings.check_duplicates:
        return None
    repositories, folder = RepositoryStore(engine, clock), settings.indexes_folder
    return Neighbourhood(github, PassageStore(engine), repositories, workers, folder, clock)


def make_records(engine: AsyncEngine, jobs: JobQueue, clock: Clock, *, starts_adopted: bool = False) -> Records:
    """Return what is remembered of pull requests; `starts_adopted` is how a repository begins."""
    return Records(
        PullRequestStore(engine),
        ApprovalStore(engine),
        PardonStore(engine),
        MergeRequestStore(engine),
        ReminderStore(engine),
        History(engine),
        jobs,
        RepositoryStore(engine, clock, starts_adopted=starts_adopted),
        LeafStore(engine),
    )


def make_foreman(
    github: GitHubApp,
    settings: BotSettings,
    policies: Policies,
    engine: AsyncEngine,
    clock: Clock,
    queue: JobEngine,
    outlooks: OutlookRoom,
    locks: PullLocks,
) -> Foreman:
    """Return what has the nightly builds run."""
    builds, jobs, desk_log = BuildStore(engine), JobStore(engine), DeskLog(engine)
    records = make_records(engine, queue, clock)
    labels = BuildLabels(github, records.memories, EffectDesk(records, desk_log, clock), locks, clock)
    quarantine = QuarantineDesk(github, QuarantineStore(engine), desk_log, policies, locks, clock)
    return Foreman(
        builds,
        jobs,
        queue,
        outlooks,
        ReleaseStore(engine),
        records.repositories,
        BuildMarks(builds, jobs, labels),
        quarantine.keep_out,
        make_release_desk(settings, engine, clock).why_not_there,
        clock,
        settings.repositories,
        make_release_keeper(github, settings, policies, engine, clock).promote,
        looked=make_watch(settings, engine, clock).foreman_looked,
        look_every_s=settings.nightly_look_s,
    )


def make_reporting(
    github: GitHubApp,
    settings: BotSettings,
    policies: Policies,
    engine: AsyncEngine,
    session: aiohttp.ClientSession,
    clock: Clock,
    jobs: JobQueue,
    links: ArtifactLinks,
    locks: PullLocks,
) -> Reporting:
    """Return what reports on the nightly builds."""
    effects = EffectDesk(make_records(engine, jobs, clock), DeskLog(engine), clock)
    return Reporting(github, policies, settings, engine, session, effects, links, locks, clock)


def make_release_keeper(
    github: GitHubApp, settings: BotSettings, policies: Policies, engine: AsyncEngine, clock: Clock
) -> ReleaseKeeper:
    """Return what looks after the releases."""
    return ReleaseKeeper(
        make_release_desk(settings, engine, clock),
        github,
        policies,
        History(engine),
        clock,
        settings.repositories,
        settings.releases_kept,
        settings.keeps_releases_for,
    )


def make_release_desk(settings: BotSettings, engine: AsyncEngine, clock: Clock) -> ReleaseDesk:
    """Return where it is decided which build is served."""
    return ReleaseDesk(
        ReleaseStore(engine),
        BuildStore(engine),
        DeskLog(engine),
        lambda repository_id: ModelStore(settings.models_url, repository_id),
        clock,
    )


def make_plan_room(github: GitHubApp, engine: AsyncEngine) -> PlanRoom:
    """Return where builds are planned."""
    return PlanRoom(github, BuildStore(engine), PullRequestStore(engine), QuarantineStore(engine))


def make_quarantine_desk(
    github: GitHubApp, settings: BotSettings, engine: AsyncEngine, clock: Clock, locks: PullLocks | None = None
) -> QuarantineDesk:
    """Return what keeps leaves out of builds, and lets them in again; `locks` are those of this process."""
    store, log, policies = QuarantineStore(engine), DeskLog(engine), Policies(settings, clock)
    return QuarantineDesk(github, store, log, policies, locks or PullLocks(), clock)


def make_lookout(
    github: GitHubApp, settings: BotSettings, engine: AsyncEngine, inbox: Inbox, clock: Clock
) -> Lookout:
    """Return what asks GitHub what has happened, where no webhook tells it."""
    places = Places(github, RepositoryStore(engine, clock, starts_adopted=settings.starts_adopted), clock)
    every_s, serves = settings.poll_seconds, settings.repositories
    polls, approvals = PollStore(engine), ApprovalStore(engine)
    return Lookout(github, places, polls, approvals, inbox, clock, every_s=every_s, serves=serves)


def make_scheduler(github: GitHubApp, settings: BotSettings, engine: AsyncEngine, clock: Clock) -> NightlyScheduler:
    """Return what plans the nightly builds when they are due."""
    room, schedule = make_plan_room(github, engine), settings.schedule
    desk = NightlyDesk(room, BuildStore(engine), History(engine), schedule, clock)
    return NightlyScheduler(desk, RepositoryStore(engine, clock), schedule, clock, settings.repositories)


def open_github(
    session: aiohttp.ClientSession,
    settings: BotSettings,
    clock: Clock,
    may_write: MayWrite | None = None,
    replica: Replica | None = None,
    *,
    gate: Gate | None = None,
    only_reads: bool = False,
) -> GitHubApp:
    """Return our App on GitHub, as the settings describe it.

    `may_write` is asked before each write, and `gate` whether we speak there: without it, nowhere. With
    `only_reads` every write is refused. `replica` knows how many others write at the same time.
    """
    return GitHubApp(
        session,
        base_url=settings.github_api_url,
        graphql_url=settings.graphql_url,
        app_id=settings.app_id,
        private_key=settings.private_key,
        clock=clock,
        write_limits=WriteLimits(settings.write_burst, settings.writes_per_minute, settings.writes_per_hour),
        may_write=may_write,
        only_reads=only_reads,
        gate=gate,
        sharers=(lambda: replica.count) if replica is not None else None,
    )
