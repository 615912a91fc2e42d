"""Routes of what is said about pull requests and issues: comments, reactions, reviews."""

from __future__ import annotations

from bot.simulator.conversation import Comment, Review
from bot.simulator.diffs import lines_shown
from bot.simulator.payloads import moment
from bot.simulator.payloads_conversation import REACTIONS, comment_json, reaction_json, remark_json, review_json
from bot.simulator.repositories import Pull
from bot.simulator.routing import ApiError, Call, InvalidFieldError, NotFoundError, Reply, RouteTable

conversation_routes = RouteTable()

COMMENT_LIMIT = 65_536
REVIEW_STATES = {"COMMENT": "COMMENTED", "APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED"}
_COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id}"
_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"
_PULL = "/repos/{owner}/{repo}/pulls/{pull_number}"


@conversation_routes.add("GET", f"{_ISSUE}/comments")
def list_comments(call: Call) -> Reply:
    """The comments of a pull request or an issue, oldest first."""
    since = call.query.get("since", "")
    comments = [comment_json(call.state, comment) for comment in call.subject("read").comments]
    shown, headers = call.page([comment for comment in comments if comment["updated_at"] >= since])
    return Reply(list(shown), headers=headers)


@conversation_routes.add("POST", f"{_ISSUE}/comments")
def create_comment(call: Call) -> Reply:
    """A new comment."""
    comment = call.changes.add_comment(call.subject("write"), call.actor, _comment_text(call), by_app=True)
    payload = comment_json(call.state, comment)
    return Reply(payload, status=201, headers={"Location": payload["url"]})


@conversation_routes.add("GET", "/repos/{owner}/{repo}/issues/comments", "pull_requests:read")
def list_all_comments(call: Call) -> Reply:
    """The comments of a repository, oldest first; a direction counts only beside an order, as on GitHub."""
    since, order = call.query.get("since", ""), call.query.get("sort")
    found = [one for one in call.repo.comments.values() if moment(one.updated_at) >= since]
    is_descending = order is not None and call.query.get("direction") == "desc"
    found.sort(
        key=lambda one: (one.updated_at if order == "updated" else one.created_at, one.id), reverse=is_descending
    )
    shown, headers = call.page(found)
    return Reply([comment_json(call.state, comment) for comment in shown], headers=headers)


@conversation_routes.add("GET", _COMMENT, "pull_requests:read")
def get_comment(call: Call) -> Reply:
    """One comment."""
    return Reply(comment_json(call.state, _comment(call)))


@conversation_routes.add("PATCH", _COMMENT, "pull_requests:write")
def edit_comment(call: Call) -> Reply:
    """The new text of a comment."""
    comment = _comment(call)
    call.changes.edit_comment(comment, _comment_text(call), call.actor)
    return Reply(comment_json(call.state, comment))


@conversation_routes.add("DELETE", _COMMENT, "pull_requests:write")
def delete_comment(call: Call) -> Reply:
    """Nothing: the comment is gone."""
    call.changes.delete_comment(_comment(call), call.actor)
    return Reply(status=204)


@conversation_routes.add("GET", f"{_COMMENT}/reactions", "pull_requests:read")
def list_comment_reactions(call: Call) -> Reply:
    """The reactions to a comment."""
    return _reactions(call, _comment(call))


@conversation_routes.add("POST", f"{_COMMENT}/reactions", "pull_requests:write")
def react_to_comment(call: Call) -> Reply:
    """A reaction to a comment: 201 when it is new, 200 when it was there."""
    return _reaction(call, _comment(call))


@conversation_routes.add("DELETE", f"{_COMMENT}/reactions/{{reaction_id}}", "pull_requests:write")
def delete_comment_reaction(call: Call) -> Reply:
    """Nothing: the reaction to a comment is gone."""
    return _without_reaction(call, _comment(call))


@conversation_routes.add("GET", f"{_ISSUE}/reactions", "pull_requests:read")
def list_reactions(call: Call) -> Reply:
    """The reactions to the text of a pull request."""
    return _reactions(call, call.pull)


@conversation_routes.add("POST", f"{_ISSUE}/reactions", "pull_requests:write")
def react(call: Call) -> Reply:
    """A reaction to the text of a pull request: 201 when it is new, 200 when it was there."""
    return _reaction(call, call.pull)


@conversation_routes.add("DELETE", f"{_ISSUE}/reactions/{{reaction_id}}", "pull_requests:write")
def delete_reaction(call: Call) -> Reply:
    """Nothing: the reaction to the text of a pull request is gone."""
    return _without_reaction(call, call.pull)


@conversation_routes.add("GET", f"{_PULL}/reviews", "pull_requests:read")
def list_reviews(call: Call) -> Reply:
    """The reviews of a pull request, oldest first."""
    shown, headers = call.page(call.pull.reviews)
    return Reply([review_json(call.state, review) for review in shown], headers=headers)


@conversation_routes.add("POST", f"{_PULL}/reviews", "pull_requests:write")
def create_review(call: Call) -> Reply:
    """A review with its comments on lines, which must all be lines of the diff."""
    pull, given = call.pull, call.body or {}
    state = REVIEW_STATES.get(given.get("event", ""))
    if state is None or not given.get("body"):
        raise ApiError(422, "Unprocessable Entity", errors=["Variable $event of type PullRequestReviewEvent"])
    if given.get("commit_id", pull.head_sha) not in pull.repo.store.commits:
        raise ApiError(422, "Unprocessable Entity", errors=["The commit_id is not part of the pull request"])
    rows = given.get("comments") or ()
    shown = {change.path: lines_shown(change.patch or "") for change in pull.files}
    for row in rows:
        span = range(row.get("start_line", row["line"]), row["line"] + 1)
        if not row.get("body") or not set(span) <= shown.get(row["path"], set()):
            problem = "Pull request review thread line must be part of the diff"
            raise ApiError(422, "Unprocessable Entity", errors=[problem])
    commit = given.get("commit_id", pull.head_sha)
    review = call.changes.add_review(pull, call.actor, given["body"], state, commit)
    for row in rows:
        call.changes.add_remark_to(review, row["path"], row["line"], row["body"], row.get("start_line"))
    return Reply(review_json(call.state, review))


@conversation_routes.add("GET", f"{_PULL}/reviews/{{review_id}}", "pull_requests:read")
def get_review(call: Call) -> Reply:
    """One review."""
    return Reply(review_json(call.state, _review(call)))


@conversation_routes.add("GET", f"{_PULL}/comments", "pull_requests:read")
def list_remarks(call: Call) -> Reply:
    """The comments on single lines of a pull request, oldest first."""
    shown, headers = call.page(call.pull.remarks)
    return Reply([remark_json(call.state, remark) for remark in shown], headers=headers)


def _reactions(call: Call, to: Comment | Pull) -> Reply:
    wanted = call.query.get("content")
    given = [reaction for reaction in to.given_reactions if wanted in {None, reaction.content}]
    shown, headers = call.page(given)
    return Reply([reaction_json(call.state, reaction) for reaction in shown], headers=headers)


def _reaction(call: Call, to: Comment | Pull) -> Reply:
    content = call.text("content", "Reaction")
    if content not in REACTIONS:
        raise InvalidFieldError("Reaction", "content", "invalid")
    reaction, is_new = call.changes.react(to, call.actor, content)
    return Reply(reaction_json(call.state, reaction), status=201 if is_new else 200)


def _without_reaction(call: Call, to: Comment | Pull) -> Reply:
    """Take back a reaction of the caller; those of others are not its own to remove."""
    wanted = call.number("reaction_id")
    for reaction in to.given_reactions:
        if reaction.id == wanted and reaction.user is call.actor:
            to.given_reactions.remove(reaction)
            return Reply(status=204)
    raise NotFoundError


def _review(call: Call) -> Review:
    wanted = call.number("review_id")
    for review in call.pull.reviews:
        if review.id == wanted:
            return review
    raise NotFoundError


def _comment_text(call: Call) -> str:
    text = call.text("body", "IssueComment")
    if len(text) > COMMENT_LIMIT:
        raise InvalidFieldError(
            "IssueComment", "body", "unprocessable", "body is too long (maximum is 65536 characters)"
        )
    return text


def _comment(call: Call) -> Comment:
    comment = call.repo.comments.get(call.number("comment_id"))
    if comment is None:
        raise NotFoundError
    return comment
