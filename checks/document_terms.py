"""On what terms documents are fetched: where from, how much, how long."""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from checks.policy import Policy


@dataclass(frozen=True, slots=True)
class DocumentReach:
    """Where documents may come from, and how their names may end.

    `hosts` as in the policy; a port other than 443 is part of the name ("git.example.org:8443"). `networks` and
    `ca_file` are an operator's, for git servers of an own network: addresses that are accepted though they are
    not public, and a PEM file of authorities that are trusted besides the system's.
    """

    hosts: tuple[str, ...]
    suffixes: tuple[str, ...] = (".md", ".pdf")
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    ca_file: Path | None = None

    @classmethod
    def of(
        cls,
        policy: Policy,
        networks: tuple[IPv4Network | IPv6Network, ...] = (),
        ca_file: Path | None = None,
    ) -> DocumentReach:
        """Return what a community's policy and the operator's settings allow together."""
        allowed = policy.documents
        suffixes = tuple(suffix.lower() for suffix in allowed.allowed_suffixes)
        return cls(allowed.allowed_hosts, suffixes, networks, ca_file)


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """What one fetch may take. Sizes in bytes; `download_bytes` counts everything git writes to disk."""

    time_s: float = 180.0
    download_bytes: int = 256 * 2**20
    memory_bytes: int = 2**30  # of each program that git starts
    file_bytes: int = 20 * 2**20
    total_bytes: int = 50 * 2**20
    files: int = 200
    tree_bytes: int = 32 * 2**20  # of the list of all files of the commit
    tree_files: int = 200_000
    refs_bytes: int = 8 * 2**20  # of the list of branches and tags
    tips: int = 20_000
    patterns: int = 50


class Deadline:
    """A moment after which nothing is waited for any more."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds that are left; 0.0 when it has passed."""
        return max(0.0, self._at - time.monotonic())

    @property
    def has_passed(self) -> bool:
        """True when no time is left."""
        return self.left_s <= 0.0
