"""What may happen on GitHub: each change of the state together with the webhooks that tell of it.

Both the people of a story and the REST routes act through these, so that nothing changes unannounced.
"""

from __future__ import annotations

from bot.simulator.accounts import Account
from bot.simulator.changes_checks import CheckChanges
from bot.simulator.changes_conversation import ConversationChanges
from bot.simulator.changes_issues import IssueChanges
from bot.simulator.changes_merging import MergeChanges
from bot.simulator.diffs import Differ
from bot.simulator.git_objects import GitStore
from bot.simulator.repositories import Repository


class Changes(CheckChanges, ConversationChanges, IssueChanges, MergeChanges):
    """All acts that change the state."""

    def add_repository(
        self, owner: Account, name: str, default_branch: str, *, private: bool, parent: Repository | None = None
    ) -> Repository:
        """Add an empty repository; a fork shares the objects of its parent."""
        state = self.state
        store = parent.store if parent else GitStore()
        differ = parent.differ if parent else Differ(store)
        now = state.now()
        repo = Repository(
            state.next_id(), owner, name, default_branch, private, store, differ, now, now, parent=parent
        )
        if parent is not None:
            repo.branches[default_branch] = parent.head_sha
        state.repositories[repo.full_name.lower()] = repo
        return repo

    def fork_of(self, repo: Repository, owner: Account) -> Repository:
        """Return `owner`'s fork, made when there is none."""
        known = self.state.repository(f"{owner.login}/{repo.name}")
        return known or self.add_repository(
            owner, repo.name, repo.default_branch, private=repo.private, parent=repo
        )
