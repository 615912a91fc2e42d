"""`python -m tests.chaos.replicas`: two real bots on one PostgreSQL server, one of them frozen, killed, restarted.

While pull requests are opened and pushed to, one bot stands still (SIGSTOP) with whatever it holds, wakes when the
other has taken over; then one is killed, then both are restarted one after the other. At the end every pull request
has exactly what one bot alone would have given it. Needs Linux, takes a minute or two.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus

import structlog

from bot.simulator import Pull
from tests.chaos.pair import PATIENCE_S, Pair
from tests.chaos.processes import adopt_orphans, orphans
from tests.checks.contributions import a_skill, attribution

_PULLS = 12  # of each act
_CHECKS = ["Contribution", "Merge readiness", "Sign-off"]


class Rehearsal(Pair):
    """The pair, and what is asked of it here."""

    def __init__(self) -> None:
        # the first ones would be judged anew once the index of the tree is there: rightly, and with new check runs
        super().__init__({"SWEEP_MINUTES": "0", "CHECK_DUPLICATES": "false"})
        self.pulls: list[Pull] = []
        self.sent_again = 0

    async def opens_some(self, *, to: Sequence[int], count: int = _PULLS) -> None:
        "Ana opens pull requests, and pushes to half of them; webhooks go to these bots in turn."
        fresh = []
        for n in range(count):
            self.tells(to[n % len(to)])
            path = f"compositional_skills/writing/freeform/shorten_{self.repo.next_number}"
            files = {f"{path}/qna.yaml": a_skill(seed_examples=3), f"{path}/attribution.txt": attribution()}
            fresh.append(await self.github.open_pull(self.repo, author="ana", files=files))
            if n % 2:
                await self.github.push(fresh[-1], {f"{path}/qna.yaml": a_skill(seed_examples=6)})
        self.pulls += fresh

    async def is_caught_at_work(self, number: int, *, to: Sequence[int]) -> None:
        "Open pull requests until a bot holds deliveries: a quick one has soon handled what there is."
        query = "SELECT count(*) FROM deliveries WHERE state = 'received' AND claimed_by = $1"
        mine = await self.value("SELECT id FROM replicas WHERE name LIKE '%:' || $1", str(self.bots[number].pid))
        async with asyncio.timeout(PATIENCE_S):
            while not await self.value(query, mine):
                await self.opens_some(to=to, count=1)

    async def all_is_handled(self) -> None:
        "Have sent again what nobody took, as the sweep would have it, and wait until no delivery waits any more."
        await self.github.settle()
        for delivery in self.github.deliveries:
            if delivery.status != HTTPStatus.ACCEPTED:
                self.sent_again += 1
                self.github.redeliver(delivery)
        await self.is_idle()

    def complaints(self) -> list[str]:
        "What is otherwise than one bot alone would have left it."
        found = []
        for pull in self.pulls:
            living = [comment for comment in pull.comments if comment.by_app and not comment.minimized]
            if len(living) != 1:
                found.append(f"#{pull.number}: {len(living)} comments that are not folded")
            runs = self.repo.check_runs(pull.head_sha)
            if sorted(run.name for run in runs) != _CHECKS:
                found.append(f"#{pull.number}: check runs {dict(Counter(run.name for run in runs))}")
            found += [f"#{pull.number}: {run.name} is {run.status}" for run in runs if run.status != "completed"]
        return found


async def play() -> list[str]:
    """Play it all. Return what went wrong."""
    async with Rehearsal() as pair:
        await pair.opens_some(to=(0, 1))
        await pair.is_caught_at_work(0, to=(0, 1))
        pair.bots[0].freezes()
        frozen_at = time.monotonic()
        await pair.opens_some(to=(1,))
        await pair.all_is_handled()
        print(f"  one frozen while it held deliveries: all handled {time.monotonic() - frozen_at:.1f} s later")
        pair.bots[0].goes_on()
        await pair.until("SELECT count(*) FROM replicas", holds=lambda count: count == len(pair.bots))
        print(f"  it woke and came back as another replica: {'replica.lost' in pair.log_of(0)}")

        await pair.opens_some(to=(0, 1))
        await pair.is_caught_at_work(1, to=(0, 1))
        await pair.bots[1].dies()
        killed_at = time.monotonic()
        pair.tells(0)
        await pair.all_is_handled()
        print(f"  one killed while it held deliveries: all handled {time.monotonic() - killed_at:.1f} s later")
        pair.bots[1] = await pair.starts(1)

        for number, other in ((0, 1), (1, 0)):
            await pair.opens_some(to=(0, 1))
            pair.tells(other)
            await pair.bots[number].is_told_to_go()
            pair.bots[number] = await pair.starts(number)
        await pair.all_is_handled()
        failed = await pair.value("SELECT count(*) FROM deliveries WHERE state = 'failed'")
        print(
            f"  both restarted, one after the other: {len(pair.pulls)} pull requests, {failed} deliveries given up"
        )
        print(f"  webhooks that no bot had taken, and that GitHub sent again: {pair.sent_again}")
        return pair.complaints() + [f"{failed} deliveries were given up"] * bool(failed)


def main() -> int:
    """Play once. Returns 1 when something went wrong."""
    argparse.ArgumentParser(prog="python -m tests.chaos.replicas", description=__doc__).parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    adopt_orphans()

    async def all_of_it() -> list[str]:
        found = await play()
        return found + [f"left behind {line}" for line in await orphans() if "postgres" not in line]

    complaints = asyncio.run(all_of_it())
    for line in complaints:
        print(f"  WRONG: {line}")
    print("  nothing lost, nothing twice" if not complaints else f"  {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
