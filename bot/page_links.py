"""The addresses of our own pages, for comments, check runs and reports; empty where we have no public address."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Knows where the pages of a repository are. `public_url` is where people reach the bot, without a last slash."""

    public_url: str = ""

    def pull(self, repository: str, number: int) -> str:
        """Return the page of a pull request."""
        return self._page(repository, f"pulls/{number}")

    def job(self, repository: str, job_id: int) -> str:
        """Return the page of a job."""
        return self._page(repository, f"jobs/{job_id}")

    def build(self, repository: str, name: str) -> str:
        """Return the page of a build; `name` is its night and its attempt."""
        return self._page(repository, f"builds/{name}")

    def _page(self, repository: str, rest: str) -> str:
        return f"{self.public_url}/r/{repository}/{rest}" if self.public_url and repository else ""
