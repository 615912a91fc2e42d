"""Whether a pull request can be merged, and in which words GitHub refuses."""

from __future__ import annotations

from bot.simulator.check_runs import CheckRun
from bot.simulator.repositories import Pull
from bot.simulator.state import GitHubState

PASSING = {"success", "neutral", "skipped"}


class MergeRefusedError(Exception):
    """GitHub does not merge; `status` is how the REST API answers."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def mergeable_state(state: GitHubState, pull: Pull) -> str:
    """Return the word for how near a pull request is to being merged."""
    if not pull.is_mergeability_known:
        return "unknown"
    if pull.is_conflicting:
        return "dirty"
    if pull.draft:
        return "draft"
    if unmet_checks(state, pull):
        return "blocked"
    if pull.repo.requires_up_to_date and pull.is_behind:
        return "behind"
    runs = latest_runs(pull)
    return "clean" if all(run.conclusion in PASSING for run in runs.values()) else "unstable"


def refuse_merge(state: GitHubState, pull: Pull, sha: str | None, method: str) -> None:
    """Do nothing where the pull request can be merged.

    Raises: MergeRefusedError.
    """
    if pull.draft and pull.state == "open":
        raise MergeRefusedError(405, "Pull Request is still a draft")
    if pull.state != "open":
        raise MergeRefusedError(405, "Pull Request is not mergeable")
    if sha is not None and sha != pull.head_sha:
        raise MergeRefusedError(409, "Head branch was modified. Review and try the merge again.")
    if method not in pull.repo.merge_methods:
        words = {"merge": "Merge commits", "squash": "Squash merges", "rebase": "Rebase merges"}
        raise MergeRefusedError(405, f"{words[method]} are not allowed on this repository.")
    if pull.is_conflicting or not pull.commits:
        raise MergeRefusedError(405, "Pull Request is not mergeable")
    unmet = unmet_checks(state, pull)
    if unmet:
        raise MergeRefusedError(405, _told(unmet, len(pull.repo.required_checks)))
    if pull.repo.requires_up_to_date and pull.is_behind:
        message = "Head branch is out of date. Review and try the merge again."
        raise MergeRefusedError(405, message)


def latest_runs(pull: Pull) -> dict[str, CheckRun]:
    """Return the newest check run of each name on the head."""
    return {run.name: run for run in pull.repo.check_runs(pull.head_sha)}


def unmet_checks(state: GitHubState, pull: Pull) -> dict[str, str]:
    """Return the required checks that keep a pull request from being merged, with what is the matter."""
    if pull.base_ref != pull.repo.default_branch:
        return {}
    runs = latest_runs(pull)
    found = {}
    for name, app_id in sorted(pull.repo.required_checks, key=lambda check: check[0]):
        run = runs.get(name) if app_id in {None, state.app.id} else None
        if run is None:
            found[name] = "expected"
        elif run.status != "completed":
            found[name] = "in progress"
        elif run.conclusion not in PASSING:
            found[name] = "failing"
    return found


def _told(unmet: dict[str, str], required: int) -> str:
    if len(unmet) == 1:
        ((name, trouble),) = unmet.items()
        return f'Required status check "{name}" is {trouble}.'
    troubles = set(unmet.values())
    trouble = troubles.pop() if len(troubles) == 1 else "expected"
    return f"{len(unmet)} of {required} required status checks are {trouble}."
