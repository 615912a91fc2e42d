"""Commits, trees, blobs and file contents as GitHub's JSON."""

from __future__ import annotations

import base64
from urllib.parse import quote

from bot.simulator.accounts import node_id
from bot.simulator.diffs import FileChange
from bot.simulator.git_objects import SYMLINK_MODE, Commit, Entry, Signature
from bot.simulator.payloads import Json, account_json, moment
from bot.simulator.payloads_pulls import file_json
from bot.simulator.repositories import Repository
from bot.simulator.state import GitHubState

KINDS = {"blob": "file", "tree": "dir", "commit": "submodule"}
TREE_LIMIT = 100_000
CONTENTS_LIMIT_BYTES = 1_000_000
"""Beyond this the contents API sends no content, only `encoding: none`."""


def commit_json(state: GitHubState, repo: Repository, commit: Commit) -> Json:
    """Return a commit as lists of commits hold it."""
    api, web = f"{state.api_url}/repos/{repo.full_name}", f"{state.web_url}/{repo.full_name}"
    url = f"{api}/commits/{commit.sha}"
    return {
        "sha": commit.sha,
        "node_id": node_id("C", repo.id) + commit.sha,
        "commit": {
            "author": _signature_json(commit.author),
            "committer": _signature_json(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
            "url": f"{api}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": _verification_json(commit),
        },
        "url": url,
        "html_url": f"{web}/commit/{commit.sha}",
        "comments_url": f"{url}/comments",
        "author": _account_of(state, commit.author),
        "committer": _account_of(state, commit.committer),
        "parents": [
            {"sha": parent, "url": f"{api}/commits/{parent}", "html_url": f"{web}/commit/{parent}"}
            for parent in commit.parents
        ],
    }


def full_commit_json(state: GitHubState, repo: Repository, commit: Commit, changes: list[FileChange]) -> Json:
    """Return a commit as it is told by itself, with what it changes."""
    additions, deletions = sum(c.additions for c in changes), sum(c.deletions for c in changes)
    return commit_json(state, repo, commit) | {
        "stats": {"total": additions + deletions, "additions": additions, "deletions": deletions},
        "files": [file_json(state, repo, commit.sha, change) for change in changes],
    }


def git_commit_json(state: GitHubState, repo: Repository, commit: Commit) -> Json:
    """Return a commit as the git data API tells it."""
    api, web = f"{state.api_url}/repos/{repo.full_name}", f"{state.web_url}/{repo.full_name}"
    return {
        "sha": commit.sha,
        "node_id": node_id("C", repo.id) + commit.sha,
        "url": f"{api}/git/commits/{commit.sha}",
        "html_url": f"{web}/commit/{commit.sha}",
        "author": _signature_json(commit.author),
        "committer": _signature_json(commit.committer),
        "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
        "message": commit.message,
        "parents": [
            {"sha": parent, "url": f"{api}/git/commits/{parent}", "html_url": f"{web}/commit/{parent}"}
            for parent in commit.parents
        ],
        "verification": _verification_json(commit),
    }


def reference_json(state: GitHubState, repo: Repository, branch: str) -> Json:
    """Return a branch as the git data API tells it."""
    api = f"{state.api_url}/repos/{repo.full_name}/git"
    sha, name = repo.branches[branch], f"refs/heads/{branch}"
    return {
        "ref": name,
        "node_id": node_id("REF", repo.id) + name,
        "url": f"{api}/{quote(name)}",
        "object": {"type": "commit", "sha": sha, "url": f"{api}/commits/{sha}"},
    }


def short_commit_json(commit: Commit) -> Json:
    """Return a commit as check suites carry it."""
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "message": commit.message,
        "timestamp": moment(commit.committer.date),
        "author": {"name": commit.author.name, "email": commit.author.email},
        "committer": {"name": commit.committer.name, "email": commit.committer.email},
    }


def pushed_commit_json(state: GitHubState, repo: Repository, commit: Commit, changes: list[FileChange]) -> Json:
    """Return a commit as push webhooks carry it."""
    author = state.account_by_email(commit.author.email)
    username = {"username": author.login} if author else {}
    short = short_commit_json(commit)
    return short | {
        "author": short["author"] | username,
        "distinct": True,
        "url": f"{state.web_url}/{repo.full_name}/commit/{commit.sha}",
        "added": [c.path for c in changes if c.status in {"added", "renamed"}],
        "removed": [c.previous_path or c.path for c in changes if c.status in {"removed", "renamed"}],
        "modified": [c.path for c in changes if c.status in {"modified", "changed"}],
    }


def tree_json(state: GitHubState, repo: Repository, sha: str, entries: list[tuple[str, Entry]]) -> Json:
    """Return a tree listing, cut at GitHub's limit."""
    git = f"{state.api_url}/repos/{repo.full_name}/git"
    blobs = repo.store.blobs
    listed: list[Json] = []
    for path, entry in entries[:TREE_LIMIT]:
        kind = entry.kind
        item: Json = {"path": path, "mode": entry.mode, "type": kind, "sha": entry.sha}
        if kind == "blob":
            item["size"] = len(blobs[entry.sha])
        if kind != "commit":
            item["url"] = f"{git}/{kind}s/{entry.sha}"
        listed.append(item)
    return {"sha": sha, "url": f"{git}/trees/{sha}", "tree": listed, "truncated": len(entries) > TREE_LIMIT}


def blob_json(state: GitHubState, repo: Repository, sha: str) -> Json:
    """Return a blob in base64."""
    content = repo.store.blobs[sha]
    return {
        "sha": sha,
        "node_id": node_id("B", repo.id) + sha,
        "size": len(content),
        "url": f"{state.api_url}/repos/{repo.full_name}/git/blobs/{sha}",
        "content": base64.encodebytes(content).decode(),
        "encoding": "base64",
    }


def contents_json(state: GitHubState, repo: Repository, path: str, ref: str, entry: Entry) -> Json:
    """Return what stands at a path, without the content itself."""
    api, web = f"{state.api_url}/repos/{repo.full_name}", f"{state.web_url}/{repo.full_name}"
    kind = "symlink" if entry.mode == SYMLINK_MODE else KINDS[entry.kind]
    place = quote(path)
    url = f"{api}/contents/{place}?ref={quote(ref, safe='')}"
    folder = "tree" if kind == "dir" else "blob"
    html = f"{web}/{folder}/{ref}/{place}"
    git_url: str | None = f"{api}/git/{folder}s/{entry.sha}"
    download = f"https://raw.githubusercontent.com/{repo.full_name}/{ref}/{place}" if entry.kind == "blob" else None
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": entry.sha,
        "size": len(repo.store.blobs[entry.sha]) if entry.kind == "blob" else 0,
        "url": url,
        "html_url": html,
        "git_url": git_url,
        "download_url": download,
        "type": kind,
        "_links": {"self": url, "git": git_url, "html": html},
    }


def file_contents_json(state: GitHubState, repo: Repository, path: str, ref: str, entry: Entry) -> Json:
    """Return a file with its content in base64, left out for large files."""
    content = repo.store.blobs[entry.sha]
    is_sent = len(content) <= CONTENTS_LIMIT_BYTES
    return contents_json(state, repo, path, ref, entry) | {
        "type": "file",
        "content": base64.encodebytes(content).decode() if is_sent else "",
        "encoding": "base64" if is_sent else "none",
    }


def _signature_json(signature: Signature) -> Json:
    return {"name": signature.name, "email": signature.email, "date": moment(signature.date)}


def _verification_json(commit: Commit) -> Json:
    return {
        "verified": commit.verified,
        "reason": "valid" if commit.verified else "unsigned",
        "signature": "-----BEGIN PGP SIGNATURE-----\n..." if commit.verified else None,
        "payload": f"tree {commit.tree}\n..." if commit.verified else None,
        "verified_at": moment(commit.committer.date) if commit.verified else None,
    }


def _account_of(state: GitHubState, signature: Signature) -> Json | None:
    account = state.account_by_email(signature.email)
    return account_json(state, account) if account else None
