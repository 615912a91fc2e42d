"""Gathering: everything a triage needs to know, read from GitHub once, pinned to one commit."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bot.github.errors import NotFoundError
from bot.github.pulls import (
    MOST_LISTED_FILES,
    Comparison,
    IncompleteListingError,
    ListedFile,
    Pull,
    PullReader,
    TooManyCommitsError,
    TreeEntry,
)
from bot.pull_templates import read_templates
from checks.contribution import (
    ATTRIBUTION_FILE,
    FOUNDATIONAL_ROOT,
    ChangedFile,
    Commit,
    FileKind,
    FileStatus,
    Login,
    Refusal,
    Sha,
)
from checks.policy import POLICY_PATH, Policy

_MOST_BYTES = 32 * 1024**2  # of all files that are read, together
_READ_SUFFIXES = (".yaml", ".yml", ".txt")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is judged, and what is known about its author.

    `refusals` say what is too much for one pull request; `unreadable` why GitHub did not tell us everything.
    """

    pull: Pull
    policy: Policy
    files: tuple[ChangedFile, ...] = ()
    commits: tuple[Commit, ...] | None = None  # None: not read
    tree: frozenset[str] = frozenset()
    refusals: tuple[Refusal, ...] = ()
    author_is_maintainer: bool = False
    unreadable: str = ""
    content_digest: str = ""  # of the tree of the changed paths; empty when not read
    shown_lines: Mapping[str, frozenset[int]] = field(
        default_factory=dict
    )  # of the diff, where suggestions are made
    clashes: tuple[str, ...] = ()  # changed paths that the base branch has changed meanwhile, too
    templates: tuple[str, ...] = ()  # what descriptions begin with

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that changes, sorted; those of renamed files with where they were."""
        found = {file.path for file in self.files} | {f.previous_path for f in self.files if f.previous_path}
        return tuple(sorted(found))

    @property
    def commit_authors(self) -> tuple[str, ...]:
        """The accounts whose commits it holds, in lower case, sorted."""
        return tuple(sorted({c.author_login.lower() for c in self.commits or () if c.author_login}))


async def gather(reader: PullReader, pull: Pull, policy: Policy, *, most_commits: int, onto: str = "") -> Facts:
    """Read the pull request's files and commits at its head; with `onto`, the tree as a merge there leaves it.

    What cannot be read in full is refused (too much for one pull request) or marked unreadable (GitHub told
    only a part): nothing is ever judged on a part. Raises the errors of `bot.github.errors`.
    """
    limit = min(policy.limits.changed_files, MOST_LISTED_FILES)
    try:
        comparison, tree = await asyncio.gather(
            reader.comparison(Sha(onto) or pull.base_sha, pull.head_sha, most_commits), reader.tree(pull.head_sha)
        )
    except TooManyCommitsError as error:
        return Facts(pull, policy, refusals=(_too_many_commits(error.count, most_commits),))
    except (IncompleteListingError, NotFoundError) as error:  # the head may be gone after a force-push
        return Facts(pull, policy, unreadable=str(error))
    if pull.changed_files > limit:
        refusal = _too_many_files(pull.changed_files, limit)
        return Facts(pull, policy, commits=comparison.commits, refusals=(refusal,))
    if len(comparison.files) < pull.changed_files:
        missing = f"GitHub listed {len(comparison.files)} of {pull.changed_files} changed files"
        return Facts(pull, policy, unreadable=missing)
    read = [f for f in comparison.files if _is_read(_changed_file(f, tree), policy.limits.file_bytes)]
    if (total := sum(tree[f.path].size for f in read)) > _MOST_BYTES:
        return Facts(pull, policy, commits=comparison.commits, refusals=(_too_much_text(total),))
    files, commits, is_maintainer, templates = await asyncio.gather(
        _with_content(reader, comparison.files, tree, policy.limits.file_bytes),
        _with_membership(reader, comparison, policy),
        _author_is_maintainer(reader, pull, comparison),
        read_templates(reader, pull, (*tree, *(file.path for file in comparison.files))),
    )
    facts = Facts(pull, policy, files, commits, frozenset(tree), (), is_maintainer, templates=templates)
    shown = {f.path: f.shown_lines for f in comparison.files} if pull.asks_web_sign_off else {}
    facts = replace(facts, content_digest=content_digest(facts.paths, tree), shown_lines=shown)
    return await _merged(reader, facts, comparison, Sha(onto)) if onto else facts


async def _merged(reader: PullReader, facts: Facts, comparison: Comparison, onto: Sha) -> Facts:
    """Return the facts with the tree that a merge onto a commit leaves, and where both sides changed a file."""
    if comparison.merge_base == onto:
        return facts
    theirs, base = await asyncio.gather(reader.tree(onto), reader.tree(comparison.merge_base))
    touched = set(facts.paths)
    kept = {path for path in facts.tree if path in touched}
    clashes = tuple(sorted(path for path in touched if theirs.get(path) != base.get(path)))
    return replace(facts, tree=frozenset((set(theirs) - touched) | kept), clashes=clashes)


def content_digest(paths: Iterable[str], tree: Mapping[str, TreeEntry]) -> str:
    """Return a digest of what the changed paths hold, as what: a rebase that leaves them alone leaves it the same.

    Paths that are gone belong to it too, also those that a file was renamed from.
    """
    lines = []
    for path in sorted(paths):
        entry = tree.get(path)
        held = f"{entry.mode} {entry.sha}" if entry else "-"
        lines.append(f"{held} {path}\0")
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _too_many_files(count: int, limit: int) -> Refusal:
    return Refusal(
        f"This pull request changes {count} files; at most {limit} can be checked together.",
        "Split it into several smaller pull requests, best one per skill or knowledge leaf.",
    )


def _too_many_commits(count: int, limit: int) -> Refusal:
    return Refusal(
        f"This pull request has {count} commits; at most {limit} can be checked together.",
        "Squash them into one, or bring your change to a fresh branch and open a new pull request from it.",
    )


def _too_much_text(size: int) -> Refusal:
    return Refusal(
        f"The files of this pull request hold {size // 1024**2} MiB of text; "
        f"at most {_MOST_BYTES // 1024**2} MiB can be checked together.",
        "Split it into several smaller pull requests, best one per skill or knowledge leaf.",
    )


async def _with_content(
    reader: PullReader, listed: tuple[ListedFile, ...], tree: Mapping[str, TreeEntry], most_bytes: int
) -> tuple[ChangedFile, ...]:
    changed = [_changed_file(file, tree) for file in listed]
    wanted = {f.path: tree[f.path].sha for f in changed if _is_read(f, most_bytes)}
    blobs = await reader.blobs(wanted.values())
    return tuple(replace(f, content=blobs[wanted[f.path]]) if f.path in wanted else f for f in changed)


def _changed_file(file: ListedFile, tree: Mapping[str, TreeEntry]) -> ChangedFile:
    entry = tree.get(file.path)
    if entry is None:
        return ChangedFile(file.path, FileStatus.REMOVED, previous_path=file.previous_path)
    return ChangedFile(file.path, file.status, size=entry.size, kind=entry.kind, previous_path=file.previous_path)


def _is_read(file: ChangedFile, most_bytes: int) -> bool:
    """Only what rules look into is read, and never more than the limit allows."""
    if file.is_gone or file.kind is not FileKind.REGULAR or file.size > most_bytes:
        return False
    if file.path == POLICY_PATH:
        return True
    return file.in_taxonomy and (file.name == ATTRIBUTION_FILE or file.name.lower().endswith(_READ_SUFFIXES))


async def _with_membership(reader: PullReader, comparison: Comparison, policy: Policy) -> tuple[Commit, ...]:
    """Look up who is a member, only where the policy lets members off and the commit is verified."""
    if not policy.dco.exempt_members:
        return comparison.commits
    logins = sorted({c.author_login for c in comparison.commits if c.verified and c.author_login})
    answers = await asyncio.gather(*(reader.is_member(login) for login in logins))
    members = {login for login, is_member in zip(logins, answers, strict=True) if is_member}
    return tuple(replace(c, author_is_member=c.author_login in members) for c in comparison.commits)


async def _author_is_maintainer(reader: PullReader, pull: Pull, comparison: Comparison) -> bool:
    """Only a pull request to the foundational skills needs to know."""
    if not any(file.path.startswith(FOUNDATIONAL_ROOT + "/") for file in comparison.files):
        return False
    return await reader.is_maintainer(Login(pull.author), pull.author_id)
