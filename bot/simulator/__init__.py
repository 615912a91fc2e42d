"""A GitHub on loopback: REST, a little GraphQL and signed webhooks over one in-memory state.

It behaves as GitHub does where that matters to a bot (appended annotations, limits, followed links, empty
`pull_requests` for forks), so that demo, tests and benchmarks need no network and no account.
"""

from bot.simulator.access import Limits
from bot.simulator.changes_merging import MergeGroup
from bot.simulator.check_runs import Annotation, CheckRun
from bot.simulator.committing import CommitSpec
from bot.simulator.conversation import Comment, Remark, Review
from bot.simulator.faults import Fault
from bot.simulator.git_objects import Executable, Submodule, Symlink
from bot.simulator.issues import Issue
from bot.simulator.mergeability import MergeRefusedError
from bot.simulator.repositories import Pull, Repository
from bot.simulator.simulator import Simulator
from bot.simulator.webhooks import Delivery, Whim

__all__ = [
    "Annotation",
    "CheckRun",
    "Comment",
    "CommitSpec",
    "Delivery",
    "Executable",
    "Fault",
    "Issue",
    "Limits",
    "MergeGroup",
    "MergeRefusedError",
    "Pull",
    "Remark",
    "Repository",
    "Review",
    "Simulator",
    "Submodule",
    "Symlink",
    "Whim",
]
