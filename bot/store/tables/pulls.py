"""Pull requests: what was said, by whom, and what came of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, false, true

from bot.store.tables.columns import RowId, UtcDateTime, metadata
from bot.store.text import String, Text

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
