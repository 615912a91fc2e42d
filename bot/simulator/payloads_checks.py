"""Check suites, check runs and annotations as GitHub's JSON."""

from __future__ import annotations

from bot.simulator.accounts import node_id
from bot.simulator.check_runs import Annotation, CheckRun, CheckSuite
from bot.simulator.payloads import (
    Json,
    app_json,
    moment,
    optional_moment,
    repository_json,
    repository_reference,
)
from bot.simulator.payloads_git import short_commit_json
from bot.simulator.payloads_pulls import pull_reference
from bot.simulator.repositories import Repository
from bot.simulator.state import GitHubState


def run_json(state: GitHubState, run: CheckRun) -> Json:
    """Return a check run as the REST API tells it."""
    repo = run.suite.repo
    url = f"{state.api_url}/repos/{repo.full_name}/check-runs/{run.id}"
    html = f"{state.web_url}/{repo.full_name}/runs/{run.id}"
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("CR", run.id),
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": url,
        "html_url": html,
        "details_url": run.details_url or html,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": moment(run.started_at),
        "completed_at": optional_moment(run.completed_at),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": run.suite.id},
        "app": app_json(state, run.app),
        "pull_requests": _pulls_json(state, repo, run.head_sha),
    }


def run_event_json(state: GitHubState, run: CheckRun) -> Json:
    """Return a check run as webhooks carry it, with its whole suite."""
    return run_json(state, run) | {"check_suite": _suite_core_json(state, run.suite)}


def suite_event_json(state: GitHubState, suite: CheckSuite) -> Json:
    """Return a check suite as webhooks carry it."""
    core = _suite_core_json(state, suite)
    return core | {
        "latest_check_runs_count": len(suite.runs),
        "check_runs_url": f"{core['url']}/check-runs",
        "head_commit": short_commit_json(suite.repo.store.commits[suite.head_sha]),
    }


def suite_json(state: GitHubState, suite: CheckSuite) -> Json:
    """Return a check suite as the REST API tells it."""
    return suite_event_json(state, suite) | {
        "repository": repository_json(state, suite.repo),
        "rerequestable": True,
        "runs_rerequestable": True,
    }


def annotation_json(state: GitHubState, run: CheckRun, annotation: Annotation) -> Json:
    """Return one annotation."""
    return {
        "path": annotation.path,
        "blob_href": f"{state.web_url}/{run.suite.repo.full_name}/blob/{run.head_sha}/{annotation.path}",
        "start_line": annotation.start_line,
        "start_column": annotation.start_column,
        "end_line": annotation.end_line,
        "end_column": annotation.end_column,
        "annotation_level": annotation.annotation_level,
        "title": annotation.title,
        "message": annotation.message,
        "raw_details": annotation.raw_details,
    }


def _suite_core_json(state: GitHubState, suite: CheckSuite) -> Json:
    repo = suite.repo
    commit = repo.store.commits[suite.head_sha]
    return {
        "id": suite.id,
        "node_id": node_id("CS", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": suite.status,
        "conclusion": suite.conclusion,
        "url": f"{state.api_url}/repos/{repo.full_name}/check-suites/{suite.id}",
        "before": commit.parents[0] if commit.parents else None,
        "after": suite.head_sha,
        "pull_requests": _pulls_json(state, repo, suite.head_sha),
        "app": app_json(state, suite.app),
        "created_at": moment(suite.created_at),
        "updated_at": moment(suite.updated_at),
    }


def _pulls_json(state: GitHubState, repo: Repository, head_sha: str) -> list[Json]:
    """Return the open pull requests of that head; GitHub does not look into forks."""
    here = repository_reference(state, repo)
    return [
        pull_reference(pull, here, here)
        for pull in repo.pulls.values()
        if pull.head_sha == head_sha and pull.state == "open" and not pull.is_from_fork
    ]
