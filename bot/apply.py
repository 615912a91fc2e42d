"""The only writer to GitHub: carries out decided actions, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bot.actions import (
    Action,
    AddLabels,
    Annotation,
    ChangeAssignee,
    ChangePull,
    EditComment,
    Merge,
    PostComment,
    React,
    RemoveLabel,
    Reply,
    ReportCheck,
)
from bot.clock import Clock
from bot.github.client import GitHubClient
from bot.github.errors import NotFoundError
from bot.github.pulls import Pull
from checks.contribution import Sha

_ANNOTATIONS_AT_ONCE = 50  # GitHub takes no more in one request, and appends what a PATCH brings

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


class Writer:
    """Writes to one pull request. Raises the errors of `bot.github.errors`."""

    def __init__(self, client: GitHubClient, pull: Pull, clock: Clock) -> None:
        self._client = client
        self._pull = pull
        self._clock = clock
        owner, _, name = pull.repository.partition("/")
        self._vars = {"owner": owner, "repo": name, "number": str(pull.number)}

    async def apply(self, actions: Iterable[Action]) -> LivingComment | None:
        """Carry out the actions in order; return the living comment if one of them wrote it."""
        comment: LivingComment | None = None
        for action in actions:
            match action:
                case ReportCheck():
                    await self._report(action)
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
        return comment

    async def _answer(self, action: Reply | React | ChangeAssignee | ChangePull) -> None:
        """Carry out what a command brought about beyond labels."""
        match action:
            case Reply():
                await self._reply(action)
            case React(comment_id=None):
                url = "/repos/{owner}/{repo}/issues/{number}/reactions"
                await self._write("POST", url, {"content": action.content})
            case React():
                url = "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions"
                await self._write("POST", url, {"content": action.content}, comment_id=str(action.comment_id))
            case ChangeAssignee():
                method = "POST" if action.on else "DELETE"
                await self._write(
                    method, "/repos/{owner}/{repo}/issues/{number}/assignees", {"assignees": [action.login]}
                )
            case ChangePull():
                changes = {"title": action.title} if action.title else {"state": action.state}
                await self._write("PATCH", "/repos/{owner}/{repo}/pulls/{number}", changes)

    async def _reply(self, reply: Reply) -> None:
        """Write an answer, unless an earlier try has written it."""
        url = "/repos/{owner}/{repo}/issues/{number}/comments"
        known = await self._client.read_all(url + "?per_page=100", self._vars)
        if not any(reply.marker in (comment["body"] or "") for comment in known):
            await self._write("POST", url, {"body": f"{reply.marker}\n{reply.body}"})

    async def _report(self, report: ReportCheck) -> None:
        first, *rest = _batches(report.annotations)
        output = {"title": report.title, "summary": report.summary}
        run = await self._write(
            "POST",
            "/repos/{owner}/{repo}/check-runs",
            {
                "name": report.name,
                "head_sha": report.head_sha,
                "external_id": report.external_id,
                "status": "completed",
                "conclusion": report.conclusion,
                "completed_at": self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                "output": output | {"annotations": first},
            },
        )
        for batch in rest:
            await self._write(
                "PATCH",
                "/repos/{owner}/{repo}/check-runs/{run_id}",
                {"output": output | {"annotations": batch}},
                run_id=str(run["id"]),
            )

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
        data = await self._client.mutate(
            _REPLACE, {"subject": self._pull.node_id, "body": action.body, "old": action.replaces_node_id}
        )
        if not data["addComment"]:
            raise NotFoundError("GitHub wrote no comment")
        node = data["addComment"]["commentEdge"]["node"]
        return LivingComment(node["databaseId"], node["id"])

    async def _edit(self, action: EditComment) -> LivingComment:
        try:
            edited = await self._write(
                "PATCH",
                "/repos/{owner}/{repo}/issues/comments/{comment_id}",
                {"body": action.body},
                comment_id=str(action.comment_id),
            )
        except NotFoundError:  # deleted by hand
            return await self._post(PostComment(action.body))
        return LivingComment(edited["id"], edited["node_id"])

    async def merge(self, merge: Merge) -> Sha:
        """Merge exactly the commit that is named; return the new commit of the base branch.

        Raises RefusedError with GitHub's words when it does not.
        """
        body = {"sha": merge.sha, "merge_method": merge.method.value}
        if merge.title:
            body |= {"commit_title": merge.title, "commit_message": merge.message}
        merged = await self._write("PUT", "/repos/{owner}/{repo}/pulls/{number}/merge", body)
        return Sha(merged["sha"])

    async def _write(self, method: str, url: str, data: Any = b"", **url_vars: str) -> Any:
        return await self._client.write(method, url, self._vars | url_vars, data)


def _batches(annotations: tuple[Annotation, ...]) -> list[list[dict[str, Any]]]:
    rows = [_row(annotation) for annotation in annotations]
    return [rows[i : i + _ANNOTATIONS_AT_ONCE] for i in range(0, max(len(rows), 1), _ANNOTATIONS_AT_ONCE)]


def _row(annotation: Annotation) -> dict[str, Any]:
    row: dict[str, Any] = {
        "path": annotation.path,
        "start_line": annotation.line,
        "end_line": annotation.line,
        "annotation_level": annotation.level,
        "title": annotation.title,
        "message": annotation.message,
    }
    if annotation.column:
        row |= {"start_column": annotation.column, "end_column": annotation.column}
    if annotation.details:
        row["raw_details"] = annotation.details
    return row
