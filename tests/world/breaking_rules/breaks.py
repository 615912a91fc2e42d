"""A rule that breaks down in every way a rule can, for authors of that name; silent for everybody else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from checks.contribution import Contribution
from checks.findings import Finding
from checks.policy import Policy
from checks.registry import rule


@rule("breaks", title="Breaks down on demand", why="To see what happens then.", order=1, causes=())
def breaks(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    match contribution.author:
        case "hang":
            while True:
                pass
        case "sleep":  # no time limit inside the process ends that
            time.sleep(3_600)
        case "die":
            os._exit(1)
        case "raise":
            raise RuntimeError(f"with contributor text in it: {contribution.files}")
    return ()
