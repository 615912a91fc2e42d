"""Which worker runs which test: each by itself, but for files whose tests share what takes long to make."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

TOLD_TOGETHER = ("tests/stories/test_workflow_table.py",)  # all its stories are told at once, in one world


class SharingOut(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out tests one by one, and such files whole, before everything else."""

    def _split_scope(self, nodeid: str) -> str:
        """Return what is handed out as one."""
        file = nodeid.partition("::")[0]
        return file if file in TOLD_TOGETHER else nodeid
