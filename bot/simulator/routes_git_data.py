"""Routes that write git objects and move branches: blobs, trees, commits, references."""

from __future__ import annotations

import base64
import binascii

from bot.simulator.git_objects import Entry, Signature, Snapshot
from bot.simulator.payloads import Json
from bot.simulator.payloads_git import git_commit_json, reference_json, tree_json
from bot.simulator.repositories import Pull, Repository
from bot.simulator.routing import ApiError, Call, InvalidFieldError, NotFoundError, Reply, RouteTable

git_data_routes = RouteTable()

MODES = {"100644", "100755", "120000", "040000", "160000"}
_GIT = "/repos/{owner}/{repo}/git"


@git_data_routes.add("POST", f"{_GIT}/blobs", "contents:write")
def create_blob(call: Call) -> Reply:
    """A new blob."""
    repo, given = _writable(call), call.body or {}
    content = given.get("content")
    if not isinstance(content, str):
        raise ApiError(422, 'Invalid request.\n\n"content" wasn\'t supplied.')
    try:
        raw = base64.b64decode(content) if given.get("encoding") == "base64" else content.encode()
    except binascii.Error as error:
        raise ApiError(422, "content is not valid Base64") from error
    sha = repo.store.add_blob(raw)
    return Reply({"sha": sha, "url": f"{call.state.api_url}/repos/{repo.full_name}/git/blobs/{sha}"}, status=201)


@git_data_routes.add("POST", f"{_GIT}/trees", "contents:write")
def create_tree(call: Call) -> Reply:
    """A new tree: another one with some paths changed, added or taken away."""
    repo, given = _writable(call), call.body or {}
    base = given.get("base_tree")
    if base is not None and base not in repo.store.trees:
        raise ApiError(422, "base_tree is not a valid tree oid")
    files: Snapshot = dict(repo.store.tree_snapshot(base)) if base else {}
    for item in given.get("tree") or ():
        _put(repo, files, item)
    sha = repo.store.add_tree(files, base)
    return Reply(tree_json(call.state, repo, sha, list(repo.store.trees[sha].items())), status=201)


@git_data_routes.add("POST", f"{_GIT}/commits", "contents:write")
def create_commit(call: Call) -> Reply:
    """A new commit. One that names neither author nor committer is the App's own, and signed by GitHub."""
    repo, given = _writable(call), call.body or {}
    message, tree, parents = call.text("message", "Commit"), given.get("tree"), given.get("parents") or []
    if tree not in repo.store.trees:
        raise ApiError(422, "Tree SHA does not exist")
    if any(parent not in repo.store.commits for parent in parents):
        raise ApiError(422, "Parent SHA does not exist or is not a commit object")
    own = Signature(call.actor.login, call.actor.commit_email, call.state.now())
    author = _signature(given.get("author"), own)
    committer = _signature(given.get("committer"), author)
    is_own = "author" not in given and "committer" not in given
    files = repo.store.tree_snapshot(tree)
    commit = repo.store.add_commit(files, parents, author, committer, message, verified=is_own)
    return Reply(git_commit_json(call.state, repo, commit), status=201)


@git_data_routes.add("GET", f"{_GIT}/ref/{{git_ref}}", "contents:read")
def get_reference(call: Call) -> Reply:
    """Where a branch points to."""
    branch = _branch(call)
    if branch not in call.repo.branches:
        raise NotFoundError
    return Reply(reference_json(call.state, call.repo, branch))


@git_data_routes.add("GET", f"{_GIT}/matching-refs/{{git_ref}}", "contents:read")
def list_references(call: Call) -> Reply:
    """Where the branches point to whose names begin so."""
    kind, _, prefix = call.params["git_ref"].partition("/")
    found = sorted(name for name in call.repo.branches if kind == "heads" and name.startswith(prefix))
    return Reply([reference_json(call.state, call.repo, branch) for branch in found])


@git_data_routes.add("PATCH", f"{_GIT}/refs/{{git_ref}}", "contents:write")
def update_reference(call: Call) -> Reply:
    """A branch that points to another commit: a newer one, unless it is forced."""
    branch = _branch(call)
    repo = _writable(call, branch)
    sha, force = call.text("sha", "Reference"), bool((call.body or {}).get("force"))
    if branch not in repo.branches:
        raise ApiError(422, "Reference does not exist")
    if sha not in repo.store.commits:
        raise ApiError(422, "Object does not exist")
    if not force and repo.branches[branch] not in repo.store.ancestors(sha):
        raise ApiError(422, "Update is not a fast forward")
    call.changes.push_to_head(repo, branch, sha, call.actor)
    return Reply(reference_json(call.state, repo, branch))


def _writable(call: Call, branch: str = "") -> Repository:
    """Return the repository of a call, if the App may write there.

    To a fork it may as far as somebody asks for it: with a pull request that maintainers may change, on its branch.

    Raises: ApiError 403, NotFoundError.
    """
    repo = call.repo
    if repo.installation is not None and repo.installation is call.installation:
        return repo
    base = repo.parent
    if base is None or base.installation is not call.installation:
        raise NotFoundError
    if not any(_opens(pull, repo, branch) for pull in base.pulls.values()):
        raise ApiError(403, "Resource not accessible by integration")
    return repo


def _opens(pull: Pull, repo: Repository, branch: str) -> bool:
    is_its_branch = pull.head_repo is repo and branch in {"", pull.head_ref}
    return pull.state == "open" and is_its_branch and pull.maintainer_can_modify


def _branch(call: Call) -> str:
    kind, _, name = call.params["git_ref"].partition("/")
    if kind != "heads" or not name:
        raise NotFoundError
    return name


def _put(repo: Repository, files: Snapshot, item: Json) -> None:
    path = item.get("path")
    if not path or item.get("mode") not in MODES:
        raise ApiError(422, "tree.mode must be one of 100644, 100755, 040000, 160000 or 120000")
    if "content" in item:
        files[path] = Entry(item["mode"], repo.store.add_blob(item["content"].encode()))
    elif item.get("sha") is None:
        if files.pop(path, None) is None:
            raise ApiError(422, "GitRPC::BadObjectState")
    elif item["sha"] in repo.store.blobs:
        files[path] = Entry(item["mode"], item["sha"])
    else:
        raise ApiError(422, f"tree.sha {item['sha']} is not a valid blob")


def _signature(given: Json | None, otherwise: Signature) -> Signature:
    if given is None:
        return otherwise
    if not given.get("name") or not given.get("email"):
        raise InvalidFieldError("Commit", "author", "missing_field")
    return Signature(given["name"], given["email"], otherwise.date)
