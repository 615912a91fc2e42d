"""Whose checks were asked for again. GitHub keeps no record of it: the suite of a commit stands as if new."""

from __future__ import annotations

from collections.abc import Mapping

from bot.github.activity import Activity
from bot.github.pulls import PullReader
from bot.polling.telling import Told, checks_rerequested
from bot.store.polls import Face
from checks.contribution import Sha

MOST_SUITES = 3  # looked at in one look; the next goes on with others


class Rerequests:
    """Looks at the suites of open pull requests of one repository, some at a time, one after the other."""

    def __init__(self, app_id: int) -> None:
        self._app_id = app_id
        self._next = 0  # the number of the pull request that comes next

    async def found(self, activity: Activity, reader: PullReader, faces: Mapping[int, Face]) -> list[Told]:
        """Return what was asked for again, as far as it is this look's turn. Raises TransientError."""
        told: list[Told] = []
        for face in self._turn(faces):
            for suite in await activity.suites_of(face.head_sha, self._app_id):
                if suite["status"] != "queued" or not suite["latest_check_runs_count"]:
                    continue
                runs = await reader.own_check_runs(Sha(face.head_sha), self._app_id)
                if all(run["status"] == "completed" for run in runs):  # else it is queued because a job of ours is
                    told.append(checks_rerequested(suite))
        return told

    def _turn(self, faces: Mapping[int, Face]) -> list[Face]:
        numbers = sorted(number for number, face in faces.items() if face.is_open)
        later = [number for number in numbers if number >= self._next]
        turn = (later + [number for number in numbers if number < self._next])[:MOST_SUITES]
        self._next = turn[-1] + 1 if turn else 0
        return [faces[number] for number in turn]
