"""The tables, as SQLAlchemy Core; the migrations beside this file build them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TypeDecorator,
    false,
    text,
    true,
)

from bot.store.text import String, Text

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"},
)

# SQLite numbers rows by itself only for INTEGER, PostgreSQL should use 64 bits
RowId = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC on every database; SQLite itself forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment with its zone."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


_IS_PUT_OFF = text("not_before IS NOT NULL")

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("guid", String(64), nullable=False, unique=True),
    Column("event", String(64), nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("subject", String(64), nullable=False),  # what is handled in order: a pull request, or the repository
    Column("payload", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),  # received | done | failed
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=True),
    Column("claimed_by", BigInteger, nullable=True),  # the replica that handles it, while it is not over
    Column("not_before", UtcDateTime, nullable=True),  # of one that was tried in vain; what follows it waits, too
    Index("ix_deliveries_claimable", "state", "claimed_by", "id"),
    Index("ix_deliveries_repository", "repository_id", "state", "id"),
    Index("ix_deliveries_put_off", "not_before", postgresql_where=_IS_PUT_OFF, sqlite_where=_IS_PUT_OFF),
    sqlite_autoincrement=True,  # an id is never given twice: the order of deliveries
)

# the processes that share this database; a row is there while its process is one of them
replicas = Table(
    "replicas",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False),  # host and process, for operators
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),  # by the database's clock: then others may take what it holds
    sqlite_autoincrement=True,  # an id is never given twice: it fences off whoever was taken for dead
)

# what only one replica does at a time: the work on a pull request, a merge queue, all that runs in the background
leases = Table(
    "leases",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("replica_id", BigInteger, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

# what GitHub sent and we do not have, and how often it was asked for
redeliveries = Table(
    "redeliveries",
    metadata,
    Column("guid", String(64), primary_key=True),
    Column("sending_id", BigInteger, nullable=False),  # GitHub's number of one try to send it
    Column("event", String(64), nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("ask_at", UtcDateTime, nullable=False),  # not before
    Index("ix_redeliveries_ask_at", "ask_at"),
)

pull_requests = Table(
    "pull_requests",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("head_sha", String(40), nullable=False),  # the commit we last began to report on
    Column("judged_sha", String(40), nullable=False),  # the commit whose report is complete on GitHub
    Column("verdict_digest", String(64), nullable=False),
    Column("comment_id", BigInteger, nullable=True),
    Column("comment_node_id", String(128), nullable=False),
    Column("comment_digest", String(64), nullable=False),
    Column("comment_turn", String(16), nullable=False),
    Column("comment_posted_for", String(40), nullable=False),
    Column("own_labels", Text, nullable=False),  # the labels that the bot itself has set, separated by spaces
    Column("content_digest", String(64), nullable=False, server_default=""),
    Column("outcome", String(16), nullable=False, server_default=""),
    Column("state", String(32), nullable=False, server_default="new"),  # of the review: bot.workflow.State
    Column("flags", Text, nullable=False, server_default=""),  # flag labels that are on, separated by spaces
    Column("state_since", UtcDateTime, nullable=True),
    Column("author_id", BigInteger, nullable=False, server_default="0"),
    Column("author", String(64), nullable=False, server_default=""),
    Column("author_seen_at", UtcDateTime, nullable=True),  # when the author last pushed or wrote
    Column("is_open", Boolean, nullable=False, server_default=true()),
    Column("paths", Text, nullable=False, server_default=""),  # what it changes, as a JSON list
    Column("commit_authors", Text, nullable=False, server_default=""),  # logins, separated by spaces
    Column("closed_by_id", BigInteger, nullable=False, server_default="0"),  # 0: nobody, or the bot by itself
    Column("failing_causes", Text, nullable=False, server_default=""),  # ids of causes with errors, by spaces
    Column("failed_pushes", Integer, nullable=False, server_default="0"),  # in a row
    Column("heard", Text, nullable=False, server_default=""),  # the review whose commands were last carried out
    Column("readiness_digest", String(64), nullable=False, server_default=""),  # of the posted check run
    Column("merge_refusal", Text, nullable=False, server_default=""),  # why GitHub did not merge the head
    Column("reviewer", String(64), nullable=False, server_default=""),  # whom the rotation chose
    Column("swept", String(64), nullable=False, server_default=""),  # how it looked when we last looked
    Column("updated_at", UtcDateTime, nullable=False),
    Column("stale_at", UtcDateTime, nullable=True),  # since when it is stale, while it is
    Column(
        "source_hold", String(48), nullable=False, server_default=""
    ),  # whose the legal hold is, for which sources
    Column("ruled_at", UtcDateTime, nullable=True),  # when the head was first judged: the rules of then hold for it
    Column("title", Text, nullable=False, server_default=""),  # as its author wrote it, for those who look for it
    Column("closed_as", String(8), nullable=False, server_default=""),  # merged | closed; empty: open, or unknown
    Index("ix_pull_requests_updated", "repository_id", "updated_at", "number"),
    Index("ix_pull_requests_head", "repository_id", "head_sha"),
    Index("ix_pull_requests_open", "repository_id", "is_open"),
    Index("ix_pull_requests_author", "repository_id", "author_id", "number"),
)

# when each rule that was ever new began to count here; another day of release is another beginning
rule_starts = Table(
    "rule_starts",
    metadata,
    Column("cause", String(120), primary_key=True),
    Column("released", String(10), primary_key=True),
    Column("starts_at", UtcDateTime, nullable=False),
)

# the leaves that open pull requests add or change, for those that meet
leaves = Table(
    "leaves",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("leaf", String(500), primary_key=True),
    Index("ix_leaves_leaf", "repository_id", "leaf"),
)

# who stands behind what, at which content; a row is never deleted, it falls
approvals = Table(
    "approvals",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),  # triage | approve | lgtm
    Column("actor_id", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("sha", String(40), nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("source", String(64), nullable=False),
    Column("fell_at", UtcDateTime, nullable=True),
    Column("fell_because", Text, nullable=False, server_default=""),
    Index("ix_approvals_pull", "repository_id", "number"),
    Index("ix_approvals_source", "repository_id", "source", "kind", unique=True),
)

# findings that a person has set aside for one content: overridden (right, but accepted) or wrong
pardons = Table(
    "pardons",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),  # override | wrong
    Column("rule", String(64), nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("source", String(64), nullable=False),
    Index("ix_pardons_pull", "repository_id", "number"),
    Index("ix_pardons_source", "repository_id", "source", unique=True),
)

# each content on which a rule had something to say: what /wrong is counted against
rule_hits = Table(
    "rule_hits",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content_digest", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

# every move of every pull request through the workflow, for measured waits and timelines
state_changes = Table(
    "state_changes",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("source", String(32), nullable=False),
    Column("target", String(32), nullable=False),
    Column("trigger", String(80), nullable=False),
    Column("actor", String(64), nullable=False),  # empty: the bot
    Index("ix_state_changes_pull", "repository_id", "number", "id"),
    Index("ix_state_changes_at", "repository_id", "at"),
)

# who asked for a merge, and of which commit; a row goes when it is merged or no longer wanted
merge_requests = Table(
    "merge_requests",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("sha", String(40), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# what somebody wants to be reminded of
reminders = Table(
    "reminders",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("source", String(64), nullable=False),
    Column("done_at", UtcDateTime, nullable=True),
    Column("asked_at", UtcDateTime, nullable=True),
    Index("ix_reminders_due", "done_at", "due_at"),
    Index("ix_reminders_source", "repository_id", "source", unique=True),
)

# a command for many pull requests, shown first and carried out once confirmed
batches = Table(
    "batches",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("code", String(16), primary_key=True),
    Column("number", Integer, nullable=False),  # where it was written
    Column("actor_id", BigInteger, nullable=False),
    Column("command", Text, nullable=False),
    Column("targets", Text, nullable=False),  # "NUMBER:SHA" of each, by spaces: the commit that was shown
    Column("at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime, nullable=True),
)

# when a regular piece of work was last done
chores = Table(
    "chores",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(64), primary_key=True),
    Column("done_at", UtcDateTime, nullable=False),
)

# up to where a repository was read by one who asks instead of being told
poll_marks = Table(
    "poll_marks",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),
    Column("mark", String(300), nullable=False),
)

# how pull requests looked then
polled_pulls = Table(
    "polled_pulls",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("face", String(40), nullable=False),  # a digest of what a webhook would have told of
    Column("head_sha", String(64), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),  # by GitHub's clock
)

# the repositories that have told us something, under their newest names
repositories = Table(
    "repositories",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("full_name", String(256), nullable=False),
    Column("installation_id", BigInteger, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("former_names", Text, nullable=False, server_default=""),  # the newest last, separated by spaces
    Column("is_adopted", Boolean, nullable=False, server_default=false()),  # else it is only observed
    Column("adopted_after", Integer, nullable=False, server_default="0"),  # the newest number at that moment
    Column("chosen_at", UtcDateTime, nullable=True),
    Column("chosen_by", String(64), nullable=False, server_default=""),
)

# pull requests that hear nothing: what they would hear, and those among them that have asked to hear it since
observed_pulls = Table(
    "observed_pulls",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("head_sha", String(40), nullable=False, server_default=""),  # a push brings another one
    Column("appearance", String(64), nullable=False, server_default=""),  # when it was last looked at
    Column(
        "is_shadow", Boolean, nullable=False, server_default=false()
    ),  # pull_requests tells what is not on GitHub
    Column("would_say", Text, nullable=False, server_default=""),  # as JSON: bot.would_say.WouldSay
    Column("seen_at", UtcDateTime, nullable=True),
    Column("woken_at", UtcDateTime, nullable=True),  # since when it hears from us
)

# each time we first saw another commit as a pull request's head: what a comment's writer can have looked at
heads = Table(
    "heads",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("sha", String(40), nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Index("ix_heads_pull", "repository_id", "number", "id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("act", String(64), nullable=False),  # the command, such as "/hold"
    Column("arguments", Text, nullable=False),
    Column("sha", String(40), nullable=False),
    Column("result", String(16), nullable=False),  # begun | done | refused | overtaken | put right
    Column("source", String(64), nullable=False),  # where it was written, such as "comment:77:3" (its third line)
    Index("ix_audit_pull", "repository_id", "number", "id"),
    Index("ix_audit_source", "repository_id", "source", unique=True),
)

# the queue of jobs: the broker only carries what this table holds
jobs = Table(
    "jobs",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("head_sha", String(40), nullable=False),  # a newer one that holds the same takes its place
    Column("content_digest", String(64), nullable=False, server_default=""),  # of what it is about; empty: unknown
    Column("asked_by_id", BigInteger, nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("queue", String(16), nullable=False),
    Column("priority", Integer, nullable=False),  # higher goes first
    Column("queued_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),  # the place in the line: earlier goes first (bot/job_line.py)
    Column("sent_at", UtcDateTime, nullable=True),  # when the message of this attempt last went to the broker
    Column("state", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("infra_retries", Integer, nullable=False),
    Column("hand_backs", Integer, nullable=False),
    Column("not_before", UtcDateTime, nullable=True),
    Column("message", Text, nullable=False),
    Column("progress_share", Float, nullable=True),
    Column("progress_stage", String(200), nullable=False),
    Column("outcome", Text, nullable=False),  # JSON; empty while it goes on
    Column("lease_worker", String(80), nullable=False),
    Column("lease_secret_digest", String(64), nullable=False),
    Column("lease_since", UtcDateTime, nullable=True),
    Column("lease_heard_at", UtcDateTime, nullable=True),
    Column("lease_deadline", UtcDateTime, nullable=True),
    Column("lease_sequence", Integer, nullable=False),
    Column("gpu_s", Float, nullable=False, server_default="0"),  # seconds that workers held it on a GPU queue
    Column("check_run_id", BigInteger, nullable=True),
    Column("check_run_sha", String(40), nullable=False, server_default=""),  # where that is, or is about to be made
    Column("is_shown", Boolean, nullable=False),  # on GitHub, as it is
    Column("finished_at", UtcDateTime, nullable=True),
    Column("revision", Integer, nullable=False),  # grows with every change: whoever changes names the one it read
    Column("build_id", BigInteger, nullable=False, server_default="0"),  # 0: it is about a pull request
    Column("build_attempt", Integer, nullable=False, server_default="0"),
    Column("step", Text, nullable=False, server_default=""),  # of the build (pipeline/build_orders.py)
    Column("variant", Text, nullable=False, server_default=""),  # JSON: what such a step does otherwise
    Index("ix_jobs_build", "build_id", "build_attempt", "id"),
    Index("ix_jobs_pull", "repository_id", "number"),
    Index("ix_jobs_source", "repository_id", "source", "kind", unique=True),
    Index("ix_jobs_line", "queue", "state", "due_at", "id", "kind"),  # counting who is ahead reads nothing else
    Index("ix_jobs_finished_at", "finished_at"),
    Index("ix_jobs_state", "state"),
    Index("ix_jobs_kind", "kind", "state", "id", "gpu_s"),  # what the newest of a kind took
    Index("ix_jobs_shown", "is_shown", "id"),
)

# the workers that one replica has heard of lately, for all of them
workers = Table(
    "workers",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("queues", String(200), nullable=False),  # where it takes jobs from, separated by spaces
    Column("is_busy", Boolean, nullable=False),
    Column("loaded", String(16), nullable=False),  # the model that it has loaded; empty where it swaps none
    Column("heard_at", UtcDateTime, nullable=False),
)

# what an operator has switched, such as the GPUs off
switches = Table(
    "switches",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("set_by", String(64), nullable=False, server_default=""),
)

# how long workers took to load another model in place of the one they had
swaps = Table(
    "swaps",
    metadata,
    Column("job_id", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("loaded_before", String(16), nullable=False),
    Column("loaded_after", String(16), nullable=False),
    Column("seconds", Float, nullable=False),
    Index("ix_swaps_direction", "loaded_before", "loaded_after", "at"),
)

# what workers told of an attempt, line by line
job_reports = Table(
    "job_reports",
    metadata,
    Column("job_id", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("lines", Text, nullable=False),
)

# which stored files belong to which pull request; the files themselves lie in the artifact store, by their hash
artifacts = Table(
    "artifacts",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String(100), primary_key=True),
    Column("media_type", String(100), nullable=False),
    Column("size", BigInteger, nullable=False),  # in bytes
    Column("job_id", BigInteger, nullable=True),  # the job that made it or needs it, if one does
    Column("stored_at", UtcDateTime, nullable=False),
    Index("ix_artifacts_pull", "repository_id", "number", "stored_at"),
    Index("ix_artifacts_stored_at", "stored_at"),
    Index("ix_artifacts_name", "repository_id", "name", "stored_at"),
)

# the nightly builds, one for a night at most; never two of a repository run at once
builds = Table(
    "builds",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("night", String(10), nullable=False),  # the date in UTC on which it was due, such as 2026-01-05
    Column("state", String(16), nullable=False),  # bot.nightly.builds.BuildState
    Column("attempt", Integer, nullable=False),
    Column("commit_sha", String(40), nullable=False),
    Column("planned_at", UtcDateTime, nullable=False),
    Column("began_at", UtcDateTime, nullable=True),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("leaves_new", Integer, nullable=False),
    Column("leaves_changed", Integer, nullable=False),
    Column("leaves_removed", Integer, nullable=False),
    Column("pulls", Integer, nullable=False),
    Column("left_out", Integer, nullable=False),
    Column("plan", Text, nullable=False),  # JSON (bot/nightly/plan_text.py)
    Column("because", Text, nullable=False, server_default=""),  # why it ended as it did
    Column("held", Text, nullable=False, server_default=""),  # why its next step is not queued yet
    Column("labelled", Text, nullable=False, server_default=""),  # pull requests that show it as running, by spaces
    Column(
        "terms", Text, nullable=False, server_default=""
    ),  # JSON: what was set when it began (bot/nightly/terms.py)
    Index("ix_builds_night", "repository_id", "night", unique=True),
    Index(
        "ix_builds_running",
        "repository_id",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)

# which pull requests a build takes in
build_contributions = Table(
    "build_contributions",
    metadata,
    Column("build_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("author", String(64), nullable=False),
    Column("merge_sha", String(40), nullable=False),
    Index("ix_build_contributions_pull", "repository_id", "number"),
)

# what was generated from a leaf, for all builds in which it is the same
leaf_data = Table(
    "leaf_data",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("leaf", String(500), primary_key=True),
    Column("qna_sha", String(40), primary_key=True),
    Column("data_version", String(64), primary_key=True),
    Column("build", String(32), nullable=False),  # that generated it, such as 2026-01-05.1
    Column("job_id", BigInteger, nullable=False),
    Column("files", Text, nullable=False),  # JSON: what the job has made
    Column("stored_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime, nullable=False),  # by the newest build that took it in
)

# leaves that no build takes in until somebody lifts it
quarantined_leaves = Table(
    "quarantined_leaves",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("leaf", String(500), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("set_by", String(64), nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("lifted_by", String(64), nullable=False, server_default=""),
    Column("lifted_at", UtcDateTime, nullable=True),
)

# builds that stand in the store of models; of each repository one is served at most
releases = Table(
    "releases",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("build_id", BigInteger, nullable=False),
    Column("name", String(100), nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),  # of all files, in bytes
    Column("files", Integer, nullable=False),
    Column("commit_sha", String(40), nullable=False),
    Column("state", String(16), nullable=False),  # bot.nightly.releases.ReleaseState
    Column("added_at", UtcDateTime, nullable=False),
    Column("promoted_at", UtcDateTime, nullable=True),
    Column("promoted_by", String(64), nullable=False, server_default=""),
    Column("left_at", UtcDateTime, nullable=True),
    Column("pinned_at", UtcDateTime, nullable=True),
    Index("ix_releases_name", "repository_id", "name", unique=True),
    Index(
        "ix_releases_served",
        "repository_id",
        unique=True,
        sqlite_where=text("state = 'served'"),
        postgresql_where=text("state = 'served'"),
    ),
)

# what was said unasked about builds, so that nobody says it twice
announcements = Table(
    "announcements",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", String(100), primary_key=True),  # what about, such as pull:12
    Column("claimed_at", UtcDateTime, nullable=False),  # by whoever is saying it
    Column("made_at", UtcDateTime, nullable=True),  # None: not said yet
    Column("reference", BigInteger, nullable=False, server_default="0"),  # such as the number of an issue
    Column("gist", Text, nullable=False, server_default=""),  # what was said, in a line
)

# what open pull requests say, so that a later one hears of it when it says it again
passages = Table(
    "passages",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("sheets", LargeBinary, nullable=False),  # checks.likeness.sheets.packed
    Column("told_of", Text, nullable=False, server_default=""),  # numbers of those it may repeat
)

# who is signed in to the pages; of what the browser holds, only a digest is kept
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("login", String(64), nullable=False),
    Column("csrf_token", String(64), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Index("ix_sessions_ends_at", "ends_at"),
    Index("ix_sessions_user_id", "user_id"),
)

# what was judged of a pull request and what was found, as people read it: of its last few heads
readings = Table(
    "readings",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("head_sha", String(40), primary_key=True),
    Column("read_at", UtcDateTime, nullable=False),
    Column("sheet", LargeBinary, nullable=False),  # bot.readings.packed
    Index("ix_readings_read_at", "read_at"),
)

# at which commit each reader last looked at a pull request
last_looks = Table(
    "last_looks",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("head_sha", String(40), nullable=False),
    Column("looked_at", UtcDateTime, nullable=False),
)
