"""Comments, reviews, reactions and the history of a pull request as GitHub's JSON."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.accounts import node_id
from bot.simulator.conversation import Comment, Happening, Reaction, Remark, Review
from bot.simulator.payloads import Json, account_json, app_json, moment
from bot.simulator.repositories import Pull, Subject
from bot.simulator.state import GitHubState

REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def comment_json(state: GitHubState, comment: Comment) -> Json:
    """Return a comment."""
    subject, name = comment.subject, comment.subject.repo.full_name
    api, page = f"{state.api_url}/repos/{name}", "pull" if isinstance(subject, Pull) else "issues"
    url = f"{api}/issues/comments/{comment.id}"
    return {
        "url": url,
        "html_url": f"{state.web_url}/{name}/{page}/{subject.number}#issuecomment-{comment.id}",
        "issue_url": f"{api}/issues/{subject.number}",
        "id": comment.id,
        "node_id": comment.node_id,
        "user": account_json(state, comment.user),
        "created_at": moment(comment.created_at),
        "updated_at": moment(comment.updated_at),
        "body": comment.body,
        "author_association": comment.association,
        "reactions": reactions_json(url, comment.given_reactions),
        "performed_via_github_app": app_json(state, comment.app) if comment.app else None,
    }


def review_json(state: GitHubState, review: Review) -> Json:
    """Return a review as the REST API tells it."""
    pull = review.pull
    html = f"{state.web_url}/{pull.repo.full_name}/pull/{pull.number}#pullrequestreview-{review.id}"
    url = f"{state.api_url}/repos/{pull.repo.full_name}/pulls/{pull.number}"
    return {
        "id": review.id,
        "node_id": node_id("PRR", review.id),
        "user": account_json(state, review.user),
        "body": review.body,
        "state": review.state,
        "html_url": html,
        "pull_request_url": url,
        "author_association": review.association,
        "_links": {"html": {"href": html}, "pull_request": {"href": url}},
        "submitted_at": moment(review.submitted_at),
        "commit_id": review.commit_id,
    }


def review_event_json(state: GitHubState, review: Review) -> Json:
    """Return a review as webhooks carry it: the state in small letters, no text as null."""
    return review_json(state, review) | {"state": review.state.lower(), "body": review.body or None}


def remark_json(state: GitHubState, remark: Remark) -> Json:
    """Return a comment on one line of a changed file."""
    review = remark.review
    pull = review.pull
    api, web = f"{state.api_url}/repos/{pull.repo.full_name}", f"{state.web_url}/{pull.repo.full_name}"
    url, html = f"{api}/pulls/comments/{remark.id}", f"{web}/pull/{pull.number}#discussion_r{remark.id}"
    pull_url = f"{api}/pulls/{pull.number}"
    change = next((change for change in pull.files if change.path == remark.path), None)
    start = {"start_line": remark.start_line, "original_start_line": remark.start_line, "start_side": "RIGHT"}
    return {
        "url": url,
        "id": remark.id,
        "node_id": node_id("PRRC", remark.id),
        "pull_request_review_id": review.id,
        "diff_hunk": change.patch or "" if change else "",
        "path": remark.path,
        "position": remark.line,
        "original_position": remark.line,
        "commit_id": review.commit_id,
        "original_commit_id": review.commit_id,
        "user": account_json(state, review.user),
        "body": remark.body,
        "created_at": moment(review.submitted_at),
        "updated_at": moment(review.submitted_at),
        "html_url": html,
        "pull_request_url": pull_url,
        "author_association": review.association,
        "_links": {"self": {"href": url}, "html": {"href": html}, "pull_request": {"href": pull_url}},
        "line": remark.line,
        "original_line": remark.line,
        "side": "RIGHT",
        "subject_type": "line",
        "reactions": reactions_json(url, ()),
        **(start if remark.start_line else {}),
    }


def reaction_json(state: GitHubState, reaction: Reaction) -> Json:
    """Return one reaction."""
    return {
        "id": reaction.id,
        "node_id": node_id("REA", reaction.id),
        "user": account_json(state, reaction.user),
        "content": reaction.content,
        "created_at": moment(reaction.created_at),
    }


def reactions_json(url: str, given: Sequence[Reaction]) -> Json:
    """Return how many reactions of each kind something got."""
    counts = {content: sum(reaction.content == content for reaction in given) for content in REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(given)} | counts


def happening_json(state: GitHubState, subject: Subject, happening: Happening) -> Json:
    """Return one entry of the history of a pull request or issue."""
    api = f"{state.api_url}/repos/{subject.repo.full_name}"
    commit = happening.commit_id
    told: Json = {
        "id": happening.id,
        "node_id": node_id("EV", happening.id),
        "url": f"{api}/issues/events/{happening.id}",
        "actor": account_json(state, happening.actor),
        "event": happening.event,
        "commit_id": commit,
        "commit_url": f"{api}/commits/{commit}" if commit else None,
        "created_at": moment(happening.created_at),
        "performed_via_github_app": app_json(state, happening.app) if happening.app else None,
    }
    if happening.label is not None:
        told["label"] = {"name": happening.label.name, "color": happening.label.color}
    if happening.review_id is not None:
        told["dismissed_review"] = {
            "state": "approved",
            "review_id": happening.review_id,
            "dismissal_message": None,
            "dismissal_commit_id": None,
        }
    return told
