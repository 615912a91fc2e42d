"""The only writer to GitHub: carries out decided actions, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from pydantic import SecretStr

from bot.actions import (
    Action,
    AddLabels,
    ChangeAssignee,
    ChangePull,
    EditComment,
    LineNote,
    Merge,
    PostComment,
    PutIssue,
    React,
    RemoveLabel,
    Reply,
    ReportCheck,
    Review,
)
from bot.clock import Clock
from bot.comments.job_report import JobReportView
from bot.events import Origin
from bot.github.check_runs import aliases, graphql_creation, rest_additions, rest_creation
from bot.github.client import GitHubClient
from bot.github.errors import GitHubError, NotFoundError, RefusedError, TransientError
from bot.github.gate import About
from bot.github.pulls import Pull
from checks.contribution import Sha

log = structlog.get_logger()

_LAG_PAUSES_S = (1.0, 4.0)  # after which what GitHub has just made is found everywhere

_REPLACE = """
mutation ReplaceComment($subject: ID!, $body: String!, $old: ID!) {
  addComment(input: {subjectId: $subject, body: $body}) {
    commentEdge { node { id databaseId } }
  }
  minimizeComment(input: {subjectId: $old, classifier: OUTDATED}) {
    minimizedComment { isMinimized }
  }
}
"""


@dataclass(frozen=True, slots=True)
class LivingComment:
    """The comment that is now the living one."""

    id: int
    node_id: str


class Writes(Protocol):
    """What carries out actions."""

    async def apply(self, actions: Iterable[Action]) -> LivingComment | None:
        """Carry out actions in order; return the living comment if one was written."""
        ...


OpenWriter = Callable[[GitHubClient, Pull, Clock], Writes]


class Writer:
    """Writes to one pull request. Raises the errors of `bot.github.errors`."""

    def __init__(self, client: GitHubClient, pull: Pull, clock: Clock) -> None:
        self._client = client
        self._pull = pull
        self._about = About(pull.repository_id, pull.number)
        self._clock = clock
        owner, _, name = pull.repository.partition("/")
        self._vars = {"owner": owner, "repo": name, "number": str(pull.number)}

    async def apply(self, actions: Iterable[Action]) -> LivingComment | None:
        """Carry out the actions in order, neighbouring check runs at once; return the living comment if written."""
        comment: LivingComment | None = None
        waiting: list[ReportCheck] = []
        for action in actions:
            if isinstance(action, ReportCheck):
                waiting.append(action)
                continue
            await self._report(waiting)
            waiting = []
            match action:
                case AddLabels():
                    await self._write(
                        "POST", "/repos/{owner}/{repo}/issues/{number}/labels", {"labels": [*action.names]}
                    )
                case RemoveLabel():
                    await self._remove_label(action.name)
                case PostComment():
                    comment = await self._post(action)
                case EditComment():
                    comment = await self._edit(action)
                case _:
                    await self._answer(action)
        await self._report(waiting)
        return comment

    async def _answer(self, action: Reply | Review | React | ChangeAssignee | ChangePull) -> None:
        """Carry out what a command brought about beyond labels."""
        match action:
            case Reply():
                await self._reply(action)
            case Review():
                await self._review(action)
            case React():
                await self._react(action)
            case ChangeAssignee():
                method = "POST" if action.on else "DELETE"
                await self._write(
                    method, "/repos/{owner}/{repo}/issues/{number}/assignees", {"assignees": [action.login]}
                )
            case ChangePull():
                changes = {"title": action.title} if action.title else {"state": action.state}
                await self._write("PATCH", "/repos/{owner}/{repo}/pulls/{number}", changes)

    async def _react(self, react: React) -> None:
        """Acknowledge a comment, or the pull request's text; a courtesy, left out where it cannot be."""
        on, url_vars = "issues/{number}", {}
        if react.comment_id is not None:
            on, url_vars = "issues/comments/{comment_id}", {"comment_id": str(react.comment_id)}
        url = f"/repos/{{owner}}/{{repo}}/{on}/reactions"
        try:
            await self._write_to_new("POST", url, {"content": react.content}, **url_vars)
        except (NotFoundError, RefusedError) as error:  # the comment was deleted, or the conversation locked
            log.info("reaction.left_out", number=self._pull.number, error=str(error))

    async def _reply(self, reply: Reply) -> None:
        """Write an answer, unless an earlier try has written it: anybody's copy of our marker does not count."""
        url = "/repos/{owner}/{repo}/issues/{number}/comments"
        known = await self._client.read_all(url + "?per_page=100", self._vars)
        own = (c for c in known if (c.get("performed_via_github_app") or {}).get("id") == self._client.own_app_id)
        if not any((comment["body"] or "").startswith(reply.marker) for comment in own):
            await self._write("POST", url, {"body": f"{reply.marker}\n{reply.body}"})

    async def _review(self, review: Review) -> None:
        """Write a review, unless an earlier try has; a courtesy, left out where GitHub does not take it."""
        url = "/repos/{owner}/{repo}/pulls/{number}/reviews"
        known = await self._client.read_all(url + "?per_page=100", self._vars)
        if any((one["body"] or "").startswith(review.marker) for one in known):
            return
        body = {
            "commit_id": review.head_sha,
            "event": "COMMENT",
            "body": f"{review.marker}\n{review.body}",
            "comments": [_line_note(note) for note in review.notes],
        }
        try:
            await self._write("POST", url, body)
        except RefusedError as error:  # the conversation is locked, or the commit was taken away
            log.info("review.left_out", number=self._pull.number, error=str(error))

    async def _report(self, reports: Sequence[ReportCheck]) -> None:
        """Create check runs: one by REST, several in one request."""
        if len(reports) > 1:
            await self._report_together(reports)
            return
        for report in reports:
            body = rest_creation(report, self._clock.now())
            run = await self._write("POST", "/repos/{owner}/{repo}/check-runs", body)
            await self._append(report, run["id"])

    async def _report_together(self, reports: Sequence[ReportCheck]) -> None:
        """Create several check runs at once. What was created is completed before what was not is raised."""
        document, variables = graphql_creation(reports, self._pull.repository_node_id, self._clock.now())
        try:
            done = await self._client.mutate(self._about, document, variables)
        except NotFoundError as error:
            raise _refused(error) from None
        missing = []
        for report, alias in zip(reports, aliases(reports), strict=True):
            run = (done.data.get(alias) or {}).get("checkRun")
            if run:
                await self._append(report, run["databaseId"])
            else:
                missing.append(report.name)
        if missing:
            log.warning("check_runs.not_created", names=missing, error=str(done.error))
            raise _refused(done.error)

    async def _append(self, report: ReportCheck, run_id: int | None) -> None:
        """Send the annotations that did not fit into the creation of a check run."""
        url = "/repos/{owner}/{repo}/check-runs/{run_id}"
        additions = rest_additions(report)
        if additions and run_id is None:  # GraphQL may leave the number out; the summary counts them all
            log.warning("check_runs.annotations_left_out", name=report.name)
            return
        for body in additions:
            try:
                await self._write_to_new("PATCH", url, body, run_id=str(run_id))
            except NotFoundError:
                raise TransientError("GitHub does not find what it has just made") from None

    async def _write_to_new(self, method: str, url: str, body: Any, **url_vars: str) -> None:
        """Write to what was created a moment ago: for some seconds GitHub may not find it, and does nothing."""
        for pause_s in _LAG_PAUSES_S:
            try:
                await self._write(method, url, body, **url_vars)
            except NotFoundError:
                await self._clock.sleep(pause_s)
            else:
                return
        await self._write(method, url, body, **url_vars)

    async def _remove_label(self, name: str) -> None:
        try:
            await self._write("DELETE", "/repos/{owner}/{repo}/issues/{number}/labels/{name}", name=name)
        except NotFoundError:
            return  # somebody was quicker

    async def _post(self, action: PostComment) -> LivingComment:
        if action.replaces_node_id:
            try:
                return await self._replace(action)
            except NotFoundError:
                pass  # the old one was deleted by hand: a plain new one it is
        created = await self._write("POST", "/repos/{owner}/{repo}/issues/{number}/comments", {"body": action.body})
        return LivingComment(created["id"], created["node_id"])

    async def _replace(self, action: PostComment) -> LivingComment:
        variables = {"subject": self._pull.node_id, "body": action.body, "old": action.replaces_node_id}
        done = await self._client.mutate(self._about, _REPLACE, variables)
        added = done.data.get("addComment")
        if not added:
            raise NotFoundError("GitHub wrote no comment")
        node = added["commentEdge"]["node"]
        return LivingComment(node["databaseId"], node["id"])

    async def _edit(self, action: EditComment) -> LivingComment:
        try:
            edited = await self._write(
                "PATCH",
                "/repos/{owner}/{repo}/issues/comments/{comment_id}",
                {"body": action.body},
                comment_id=str(action.comment_id),
            )
        except NotFoundError:
            if await self._is_listed(action.comment_id):
                raise TransientError("GitHub does not find a comment that it lists") from None
            return await self._post(PostComment(action.body))  # the old one was deleted by hand
        return LivingComment(edited["id"], edited["node_id"])

    async def _is_listed(self, comment_id: int) -> bool:
        url = "/repos/{owner}/{repo}/issues/{number}/comments?per_page=100"
        return any(c["id"] == comment_id for c in await self._client.read_all(url, self._vars))

    async def merge(self, merge: Merge) -> Sha:
        """Merge exactly the commit that is named; return the new commit of the base branch.

        Raises RefusedError with GitHub's words when it does not.
        """
        body = {"sha": merge.sha, "merge_method": merge.method.value}
        if merge.title:
            body |= {"commit_title": merge.title, "commit_message": merge.message}
        merged = await self._write("PUT", "/repos/{owner}/{repo}/pulls/{number}/merge", body)
        return Sha(merged["sha"])

    async def put_comment(self, marker: str, body: str) -> None:
        """Write the one comment with this marker, or bring it up to date."""
        url = "/repos/{owner}/{repo}/issues/{number}/comments"
        text = f"{marker}\n{body}"
        for known in await self._client.read_all(url + "?per_page=100", self._vars):
            app = known.get("performed_via_github_app") or {}
            if app.get("id") == self._client.own_app_id and (known["body"] or "").startswith(marker):
                if known["body"] != text:
                    await self._edit(EditComment(known["id"], text))
                return
        await self._write("POST", url, {"body": text})

    async def show_job(self, view: JobReportView, run_id: int | None, page_url: str = "") -> int:
        """Show how a job stands on its one check run; without `run_id` it is created. Return its id.

        `page_url` is where its details are; empty leaves that to GitHub.
        """
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        body: dict[str, Any] = {
            "name": view.name,
            "external_id": view.external_id,
            "status": view.status,
            "output": {"title": view.title, "summary": view.summary},
        }
        if page_url:
            body["details_url"] = page_url
        if view.conclusion:
            body |= {"conclusion": view.conclusion, "completed_at": now}
        if run_id is None:
            created = await self._write(
                "POST", "/repos/{owner}/{repo}/check-runs", body | {"head_sha": view.head_sha}
            )
            return int(created["id"])
        await self._write("PATCH", "/repos/{owner}/{repo}/check-runs/{run_id}", body, run_id=str(run_id))
        return run_id

    async def _write(self, method: str, url: str, data: Any = b"", **url_vars: str) -> Any:
        return await self._client.write(self._about, method, url, self._vars | url_vars, data)


def _line_note(note: LineNote) -> dict[str, Any]:
    row: dict[str, Any] = {"path": note.path, "line": note.last_line, "side": "RIGHT", "body": note.body}
    if note.first_line != note.last_line:
        row |= {"start_line": note.first_line, "start_side": "RIGHT"}
    return row


def _refused(error: GitHubError | None) -> GitHubError:
    """Return what a failed creation means: what GraphQL does not find, REST calls unprocessable."""
    if isinstance(error, NotFoundError):
        return RefusedError(str(error), HTTPStatus.UNPROCESSABLE_ENTITY)
    return error or TransientError("GitHub did not tell what became of a check run")


class IssueWriter:
    """Writes issues of one repository. Raises the errors of `bot.github.errors`."""

    def __init__(self, client: GitHubClient, origin: Origin, app_id: int) -> None:
        self._client = client
        self._about = About(origin.repository_id)
        self._app_id = app_id
        owner, _, name = origin.full_name.partition("/")
        self._vars = {"owner": owner, "repo": name}

    async def put(self, issue: PutIssue) -> int:
        """Open the issue, or edit the one that is there already; return its number."""
        url = f"/repos/{{owner}}/{{repo}}/issues?state=all&since={issue.since:%Y-%m-%dT%H:%M:%SZ}&per_page=100"
        text = {"title": issue.title, "body": f"{issue.marker}\n{issue.body}"}
        for known in await self._client.read_all(url, self._vars):
            app = known.get("performed_via_github_app") or {}
            if app.get("id") == self._app_id and (known["body"] or "").startswith(issue.marker):
                if known["body"] != text["body"]:
                    await self._write("PATCH", "/repos/{owner}/{repo}/issues/{number}", text, known["number"])
                return int(known["number"])
        return await self.open(issue.title, text["body"])

    async def find(self, marker: str) -> int | None:
        """Return our oldest issue whose text begins with a marker, whether it is open or closed."""
        url = "/repos/{owner}/{repo}/issues?state=all&sort=created&direction=asc&per_page=100"
        async for page in self._client.pages(url, self._vars):
            for known in page:
                app = known.get("performed_via_github_app") or {}
                if app.get("id") == self._app_id and (known["body"] or "").startswith(marker):
                    return int(known["number"])
        return None

    async def open(self, title: str, body: str) -> int:
        """Open an issue. Return its number."""
        opened = await self._write("POST", "/repos/{owner}/{repo}/issues", {"title": title, "body": body})
        return int(opened["number"])

    async def edit(self, number: int, title: str, body: str) -> None:
        """Change title and text of an issue, which notifies nobody. Raises NotFoundError where it is gone."""
        text = {"title": title, "body": body}
        await self._write("PATCH", "/repos/{owner}/{repo}/issues/{number}", text, number)

    async def comment(self, number: int, marker: str, body: str) -> None:
        """Write a comment, unless the one with this marker is there already."""
        url = "/repos/{owner}/{repo}/issues/{number}/comments"
        known = await self._client.read_all(url + "?per_page=100", self._vars | {"number": str(number)})
        own = (c for c in known if (c.get("performed_via_github_app") or {}).get("id") == self._app_id)
        if not any((comment["body"] or "").startswith(marker) for comment in own):
            await self._write("POST", url, {"body": f"{marker}\n{body}"}, number)

    async def _write(self, method: str, url: str, data: Any, number: int = 0) -> Any:
        return await self._client.write(self._about, method, url, self._vars | {"number": str(number)}, data)


async def send_again(client: GitHubClient, sending_id: int) -> None:
    """Have GitHub send a webhook once more; `client` is the App's own. Raises the errors of `bot.github.errors`."""
    await client.write(None, "POST", "/app/hook/deliveries/{id}/attempts", {"id": str(sending_id)}, data={})


async def set_webhook_secret(client: GitHubClient, secret: SecretStr) -> None:
    """Have GitHub sign webhooks with this; `client` is the App's own. Raises the errors of `bot.github.errors`."""
    await client.write(None, "PATCH", "/app/hook/config", data={"secret": secret.get_secret_value()})
