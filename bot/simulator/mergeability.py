"""Whether a pull request can be merged, and in which words GitHub refuses."""

from __future__ import annotations

from bot.simulator.check_runs import CheckRun
from bot.simulator.repositories import Pull, Repository
from bot.simulator.state import GitHubState

PASSING = {"success", "neutral", "skipped"}
OPINIONS = {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}
"""The states of reviews that stand until the same person has another; a mere comment changes nothing."""


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
    if unmet_checks(pull) or missing_approvals(state, pull):
        return "blocked"
    if pull.repo.requires_up_to_date and pull.is_behind:
        return "behind"
    runs = latest_runs(pull.repo, pull.head_sha)
    return "clean" if all(run.conclusion in PASSING for run in runs) else "unstable"


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
    if missing_approvals(state, pull):
        needed = pull.repo.required_approving_reviews
        reviews = "review is" if needed == 1 else "reviews are"
        message = f"At least {needed} approving {reviews} required by reviewers with write access."
        raise MergeRefusedError(405, message)
    unmet = unmet_checks(pull)
    if unmet:
        raise MergeRefusedError(405, _told(unmet, len(pull.repo.required_checks)))
    if pull.repo.requires_up_to_date and pull.is_behind:
        message = "Head branch is out of date. Review and try the merge again."
        raise MergeRefusedError(405, message)


def latest_runs(repo: Repository, head_sha: str) -> list[CheckRun]:
    """Return the newest check run of each App and name on a commit, oldest first."""
    return list({(run.app.id, run.name): run for run in repo.check_runs(head_sha)}.values())


def unmet_checks(pull: Pull) -> dict[str, str]:
    """Return the required checks that keep a pull request from being merged, with what is the matter."""
    return unmet_on(pull.repo, pull.head_sha) if pull.base_ref == pull.repo.default_branch else {}


def unmet_on(repo: Repository, head_sha: str) -> dict[str, str]:
    """Return the required checks that a commit has not passed, with what is the matter."""
    found = {}
    for name, app_id in sorted(repo.required_checks, key=lambda check: check[0]):
        runs = [run for run in latest_runs(repo, head_sha) if run.name == name and app_id in {None, run.app.id}]
        if not runs:
            found[name] = "expected"
        elif runs[-1].status != "completed":
            found[name] = "in progress"
        elif runs[-1].conclusion not in PASSING:
            found[name] = "failing"
    return found


def missing_approvals(state: GitHubState, pull: Pull) -> int:
    """Return how many approvals of the newest commit, by people who may write, are still needed."""
    if pull.base_ref != pull.repo.default_branch:
        return 0
    opinions = {review.user: review for review in pull.reviews if review.state in OPINIONS}
    approvals = sum(
        review.state == "APPROVED"
        and review.commit_id == pull.head_sha
        and state.role(pull.repo, user) in {"write", "maintain", "admin"}
        for user, review in opinions.items()
    )
    return max(0, pull.repo.required_approving_reviews - approvals)


def _told(unmet: dict[str, str], required: int) -> str:
    if len(unmet) == 1:
        ((name, trouble),) = unmet.items()
        return f'Required status check "{name}" is {trouble}.'
    troubles = set(unmet.values())
    trouble = troubles.pop() if len(troubles) == 1 else "expected"
    return f"{len(unmet)} of {required} required status checks are {trouble}."
