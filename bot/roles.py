"""Roles in their order of power."""

from __future__ import annotations

from enum import IntEnum


class Role(IntEnum):
    """Powers on a pull request, each including those below it. Unsure means OUTSIDER."""

    OUTSIDER = 0
    TRIAGER = 1
    APPROVER = 2
    MAINTAINER = 3

    @property
    def noun(self) -> str:
        """The role in a sentence: "a triager"."""
        return {Role.OUTSIDER: "anybody", Role.APPROVER: "an approver"}.get(self, f"a {self.name.lower()}")
