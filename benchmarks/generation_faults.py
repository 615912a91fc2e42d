"""What faults and kills cost: `python -m benchmarks.generation_faults`, whole leaves of every kind.

For each kind of fault a fifth of all requests fails, on a server of its own process; then `taxonomy-pipeline
generate` is killed with -9 at random moments and started again. Every data set has to be the same, byte for byte,
as the one of a run that nothing disturbed. Exits 1 where one is not.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from pipeline.tiny.process import OfflineTeacherProcess
from tests.sdg.killed_runs import Taxonomy
from tests.sdg.leaves import a_freeform_skill, a_grounded_skill, some_knowledge
from tests.sdg.test_generation_faults import MIXED, bytes_in, generated

_FAULTS = {
    "429": ("429:0.2",),
    "500": ("500:0.2",),
    "503": ("503:0.2",),
    "cut": ("cut:0.2",),
    "reset": ("reset:0.2",),
    "time-out after 0.5 s": ("silent:0.2",),
    "mixed": MIXED,
}
_LESSONS = (a_freeform_skill(), a_grounded_skill(), some_knowledge())


async def faults() -> bool:
    """Print what each kind of fault costs and whether the data sets are the same. Return whether all are."""
    print("A fifth of the requests fails; three leaves.")
    print(f"  {'fault':<22} {'requests':>9} {'tried again':>12} {'seconds':>8}  same bytes")
    all_same, expected = True, dict[str, str]()
    for name, kinds in {"none": (), **_FAULTS}.items():
        with tempfile.TemporaryDirectory(prefix="generation-faults-") as folder:
            began = time.perf_counter()
            timeout_s = 0.5 if "silent" in str(kinds) else 20.0
            _, counters = await generated(Path(folder), *kinds, lessons=_LESSONS, timeout_s=timeout_s, tries=80)
            took_s, found = time.perf_counter() - began, bytes_in(Path(folder))
        expected = expected or found
        same = found == expected
        all_same = all_same and same
        again = sum(counters.retries.values())
        print(f"  {name:<22} {counters.requests:>9} {again:>12} {took_s:>8.1f}  {'yes' if same else 'NO'}")
    return all_same


async def kills(times: int, seed: int) -> bool:
    """Print how many kills a run survived and what they cost. Return whether the data sets are the same."""
    chance = random.Random(seed)
    async with OfflineTeacherProcess("--delay-ms", "10", "--slots", "8") as server:
        with tempfile.TemporaryDirectory(prefix="generation-kills-") as folder:
            calm = Taxonomy(Path(folder) / "calm", server.url)
            began = time.perf_counter()
            await calm.whole()
            calm_s, asked = time.perf_counter() - began, await calm.requests()
            killed = Taxonomy(Path(folder) / "killed", server.url)
            hits = 0
            for number in range(times):  # by turns anywhere, from its start on, and after some of its own requests
                at_s = time.perf_counter() + chance.uniform(0.2, calm_s)
                moment = chance.randrange(1, max(2, 3 * asked // times)) if number % 2 else None
                hits += await killed.killed(
                    lambda requests, at_s=at_s, moment=moment: (
                        time.perf_counter() >= at_s if moment is None else requests >= moment
                    )
                )
            said = await killed.whole()
            again = await killed.requests() - 2 * asked
            same = killed.digests() == calm.digests()
    print(f"\nKilled with -9 at {hits} of {times} random moments (seed {seed}); the other runs were over before.")
    print(f"  requests of a calm run         {asked}")
    print(f"  asked again because of kills   {again}, {again / max(1, hits):.0f} for each")
    print(f"  last run had nothing to do     {'yes' if 'Nothing to do' in said else 'no'}")
    print(f"  same bytes                     {'yes' if same else 'NO'}")
    return same


async def measure(times: int, seed: int) -> int:
    """Measure and print. Return the exit status."""
    same = [await faults(), await kills(times, seed)]
    return 0 if all(same) else 1


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.exit(asyncio.run(measure(given.kills, given.seed)))


if __name__ == "__main__":
    main()
