"""What may go wrong when talking to GitHub, by what the caller does next.

GitHubError
├── TransientError      try the whole delivery again later: network, 5xx, rate limits
├── NotFoundError       it is gone, or never was: 404, 410
├── NotInstalledError   nobody wants us there (any more)
└── RefusedError        GitHub says no for good: other 4xx; a mistake of ours or a missing permission
"""

from __future__ import annotations


class GitHubError(Exception):
    """A call to GitHub failed. The text holds no token and no contributor text."""


class TransientError(GitHubError):
    """It may work later; `retry_after_s` says when, if GitHub told."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotFoundError(GitHubError):
    """What was asked for does not exist (any more)."""


class NotInstalledError(GitHubError):
    """The App is not installed on a repository, or was removed from it."""


class RefusedError(GitHubError):
    """GitHub refused for good; `status` is its HTTP status, for GraphQL the one that REST has for the same."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
