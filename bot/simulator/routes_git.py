"""Routes of repositories and what lies in them: commits, trees, blobs, contents, comparisons."""

from __future__ import annotations

from bot.simulator.git_objects import SUBMODULE_MODE, SYMLINK_MODE, TREE_MODE, Entry
from bot.simulator.payloads import Json, full_repository_json, moment
from bot.simulator.payloads_git import (
    blob_json,
    commit_json,
    contents_json,
    file_contents_json,
    full_commit_json,
    git_commit_json,
    tree_json,
)
from bot.simulator.payloads_pulls import file_json
from bot.simulator.repositories import Repository
from bot.simulator.routing import ApiError, Call, NotFoundError, Reply, RouteTable

git_routes = RouteTable()

COMPARE_COMMITS = 250
COMPARE_FILES = 300
MOST_LINKS = 40


@git_routes.add("GET", "/repos/{owner}/{repo}", "metadata:read")
def get_repository(call: Call) -> Reply:
    """A repository by its name."""
    return Reply(full_repository_json(call.state, call.repo))


@git_routes.add("GET", "/repositories/{repository_id}", "metadata:read")
def get_repository_by_id(call: Call) -> Reply:
    """A repository by its id, which outlives a renaming."""
    repo = call.visible(call.state.repository_by_id(call.number("repository_id")))
    return Reply(full_repository_json(call.state, repo))


@git_routes.add("GET", "/repos/{owner}/{repo}/git/trees/{tree_sha}", "contents:read")
def get_tree(call: Call) -> Reply:
    """A tree, with everything below it when asked for."""
    store, name = call.repo.store, call.params["tree_sha"]
    if name in store.trees:
        sha = name
    else:
        commit = call.repo.resolve(name)
        if commit is None:
            raise NotFoundError
        sha = store.commits[commit].tree
    entries = list(store.walk(sha)) if "recursive" in call.query else list(store.trees[sha].items())
    return Reply(tree_json(call.state, call.repo, sha, entries))


@git_routes.add("GET", "/repos/{owner}/{repo}/git/blobs/{file_sha}", "contents:read")
def get_blob(call: Call) -> Reply:
    """A blob in base64."""
    sha = call.params["file_sha"]
    if sha not in call.repo.store.blobs:
        raise NotFoundError
    return Reply(blob_json(call.state, call.repo, sha))


@git_routes.add("GET", "/repos/{owner}/{repo}/git/commits/{commit_sha}", "contents:read")
def get_git_commit(call: Call) -> Reply:
    """A commit, as git knows it."""
    commit = call.repo.store.commits.get(call.params["commit_sha"])
    if commit is None:
        raise NotFoundError
    return Reply(git_commit_json(call.state, call.repo, commit))


@git_routes.add("GET", "/repos/{owner}/{repo}/commits/{ref}", "contents:read")
def get_commit(call: Call) -> Reply:
    """A commit with what it changes."""
    sha = call.commit(call.params["ref"])
    changes, headers = call.page(call.changes.changes_of(call.repo, sha), COMPARE_FILES)
    commit = call.repo.store.commits[sha]
    return Reply(full_commit_json(call.state, call.repo, commit, list(changes)), headers=headers)


@git_routes.add("GET", "/repos/{owner}/{repo}/commits", "contents:read")
def list_commits(call: Call) -> Reply:
    """The commits that a branch or commit has, the newest first, if asked only those made since a moment."""
    store = call.repo.store
    reference = call.query.get("sha")
    head = call.repo.head_sha if reference is None else call.repo.resolve(reference)
    if head is None:
        raise NotFoundError
    since = call.query.get("since", "")
    found = [store.commits[sha] for sha in store.ancestors(head)]
    found = [commit for commit in found if moment(commit.committer.date) >= since]
    shown, headers = call.page(found)
    return Reply([commit_json(call.state, call.repo, commit) for commit in shown], headers=headers)


@git_routes.add("GET", "/repos/{owner}/{repo}/compare/{basehead}", "contents:read")
def compare(call: Call) -> Reply:
    """How a commit stands to another; files only on the first page, as on GitHub."""
    base, _, head = call.params["basehead"].partition("...")
    base_sha, head_sha = _side(call, base), _side(call, head)
    repo, state, store = call.repo, call.state, call.repo.store
    merge_base = store.merge_base(base_sha, head_sha)
    if merge_base is None:
        raise NotFoundError
    ahead = store.commits_between(base_sha, head_sha)
    behind = store.commits_between(head_sha, base_sha)
    commits, headers = call.page(ahead, COMPARE_COMMITS)
    url, web = f"{state.api_url}/repos/{repo.full_name}", f"{state.web_url}/{repo.full_name}"
    span = f"compare/{call.params['basehead']}"
    reply: Json = {
        "url": f"{url}/{span}",
        "html_url": f"{web}/{span}",
        "permalink_url": f"{web}/compare/{base_sha[:7]}...{head_sha[:7]}",
        "diff_url": f"{web}/{span}.diff",
        "patch_url": f"{web}/{span}.patch",
        "base_commit": commit_json(state, repo, store.commits[base_sha]),
        "merge_base_commit": commit_json(state, repo, store.commits[merge_base]),
        "status": _standing(bool(ahead), bool(behind)),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [commit_json(state, repo, commit) for commit in commits],
    }
    if call.query.get("page", "1") == "1":
        files = repo.differ.between(merge_base, head_sha)[:COMPARE_FILES]
        reply["files"] = [file_json(state, repo, head_sha, change) for change in files]
    return Reply(reply, headers=headers)


@git_routes.add("GET", "/repos/{owner}/{repo}/contents/{path}", "contents:read")
def get_contents(call: Call) -> Reply:
    """What stands at a path; links to files of the same repository are followed."""
    repo, state = call.repo, call.state
    ref = call.query.get("ref") or repo.default_branch
    sha = repo.resolve(ref)
    if sha is None:
        raise ApiError(404, f"No commit found for the ref {ref}")
    path = call.params["path"].strip("/")
    entry = _lookup(repo, sha, path)
    target = _followed(repo, sha, path, entry)
    if target is not None:
        return Reply(file_contents_json(state, repo, path, ref, target))
    shown = contents_json(state, repo, path, ref, entry)
    if entry.mode == TREE_MODE:
        return Reply(_folder(call, path, ref, entry))
    if entry.mode == SUBMODULE_MODE:
        return Reply(shown | {"submodule_git_url": "https://github.com/example/submodule.git"})
    return Reply(shown | {"target": repo.store.blobs[entry.sha].decode(errors="replace")})


def _folder(call: Call, path: str, ref: str, entry: Entry) -> list[Json]:
    """Return the listing of a folder, in which GitHub calls submodules files."""
    children = call.repo.store.trees[entry.sha].items()
    listed = [contents_json(call.state, call.repo, f"{path}/{name}", ref, child) for name, child in children]
    return [item | {"type": "file"} if item["type"] == "submodule" else item for item in listed]


def _side(call: Call, reference: str) -> str:
    """Return the commit of one side: `branch`, `SHA` or `owner:branch` of a fork."""
    owner, colon, branch = reference.rpartition(":")
    repo: Repository | None = call.repo
    if colon:
        repo = call.state.repository(f"{owner}/{call.repo.name}")
    sha = repo.resolve(branch) if repo else None
    if sha is None:
        raise NotFoundError
    return sha


def _standing(is_ahead: bool, is_behind: bool) -> str:
    match is_ahead, is_behind:
        case True, True:
            return "diverged"
        case True, False:
            return "ahead"
        case False, True:
            return "behind"
    return "identical"


def _lookup(repo: Repository, commit: str, path: str) -> Entry:
    entry = Entry(TREE_MODE, repo.store.commits[commit].tree)
    for name in path.split("/"):
        child = repo.store.trees[entry.sha].get(name) if entry.mode == TREE_MODE else None
        if child is None:
            raise NotFoundError
        entry = child
    return entry


def _followed(repo: Repository, commit: str, path: str, entry: Entry) -> Entry | None:
    """Return the file at the end of a chain of links; None where no regular file is at its end."""
    for _ in range(MOST_LINKS):
        if entry.kind == "blob" and entry.mode != SYMLINK_MODE:
            return entry
        if entry.mode != SYMLINK_MODE:
            return None
        target = repo.store.blobs[entry.sha].decode(errors="replace")
        place = _joined(path, target)
        if place is None:
            return None
        try:
            path, entry = place, _lookup(repo, commit, place)
        except NotFoundError:
            return None
    return None


def _joined(path: str, target: str) -> str | None:
    """Return where a link at `path` leads, None for a place outside the repository."""
    if target.startswith("/"):
        return None
    parts = path.split("/")[:-1]
    for step in target.split("/"):
        if step == "..":
            if not parts:
                return None
            parts.pop()
        elif step not in {"", "."}:
            parts.append(step)
    return "/".join(parts)
