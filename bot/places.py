"""Where the served repositories are: nobody tells us, so every installation is asked once."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.clock import Clock
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.errors import GitHubError, NotInstalledError, TransientError
from bot.github.listings import Place, place_of
from bot.store.repositories import RepositoryStore

_ASKS_AGAIN = timedelta(minutes=10)


class Places:
    """Finds repositories by their id, which outlives renaming, moving and installing anew."""

    def __init__(self, app: GitHubApp, repositories: RepositoryStore, clock: Clock) -> None:
        self._app = app
        self._repositories = repositories
        self._clock = clock
        self._searched: dict[int, datetime] = {}

    async def find(self, repository_id: int) -> tuple[Origin, Place]:
        """Return where a repository is.

        Raises TransientError when GitHub cannot be reached, and NotInstalledError while the App is not installed.
        """
        known = await self._repositories.origin_of(repository_id)
        if known is not None:
            try:
                place = await place_of(self._app.installation(known.installation_id), repository_id)
            except GitHubError as error:
                is_limit = isinstance(error, TransientError) and error.retry_after_s is not None
                if is_limit or not self._may_search(repository_id):
                    raise
                self._searched[repository_id] = self._clock.now()
            else:
                origin = Origin(repository_id, place.full_name, known.installation_id)
                await self._repositories.note(origin)
                return origin, place
        elif not self._may_search(repository_id):
            raise NotInstalledError(f"the App is not installed on repository {repository_id}")
        return await self._search(repository_id)

    def _may_search(self, repository_id: int) -> bool:
        searched = self._searched.get(repository_id)
        return searched is None or self._clock.now() - searched >= _ASKS_AGAIN

    async def _search(self, repository_id: int) -> tuple[Origin, Place]:
        installations = await self._app.itself().read_all("/app/installations?per_page=100")
        for installation in installations:
            if installation.get("suspended_at"):
                continue
            try:
                place = await place_of(self._app.installation(int(installation["id"])), repository_id)
            except TransientError:
                raise
            except GitHubError:  # not of this installation
                continue
            covering = await self._app.installation_of(place.full_name)  # a public one is shown to others as well
            if covering is not None:
                self._searched.pop(repository_id, None)
                origin = Origin(repository_id, place.full_name, covering)
                await self._repositories.note(origin)
                return origin, place
        self._searched[repository_id] = self._clock.now()
        raise NotInstalledError(f"the App is not installed on repository {repository_id}")
