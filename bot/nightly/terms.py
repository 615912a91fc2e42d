"""What an operator sets for all builds. A build keeps the terms that it began with, whatever is set meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from pipeline.build_results import GateResult

RENEWED_EVERY = 7  # builds; trainings and questions change in time


@dataclass(frozen=True, slots=True)
class NightTerms:
    """The terms. `data_version` is any text: another one has everything generated anew.

    `blame_runs` 0 is as many as halving needs; `replay_share` is of the samples of unchanged leaves. So many
    trainings with other seeds tell how much a score moves by chance; once earlier builds have told it with
    `noise_freedom` degrees of freedom, only every seventh build has them. 0: every build.
    """

    seed: int = 0
    noise_seeds: int = 2
    blame_runs: int = 0
    data_version: str = ""
    replay_share: float = 1.0
    noise_freedom: int = 6

    def knowing(self, gate: GateResult | None, builds_since: int) -> NightTerms:
        """Return the terms of a build after others: without trainings of seeds where the noise is well known.

        `gate` is that of the last good build; before so many good builds there were such trainings the last time.
        """
        if gate is None or not self.noise_freedom or builds_since >= RENEWED_EVERY:
            return self
        measured = {row.name for each in gate.comparisons for row in each.rows}
        is_known = gate.noise_freedom >= self.noise_freedom and measured <= gate.noise.keys()
        return replace(self, noise_seeds=0) if is_known else self


def terms_as_text(terms: NightTerms) -> str:
    """Return terms as the row of their build keeps them."""
    return json.dumps(asdict(terms))


def terms_from_text(text: str) -> NightTerms | None:
    """Return the terms of a row, None where it keeps none."""
    if not text:
        return None
    told: Mapping[str, int | float | str] = json.loads(text)
    return NightTerms(**told)  # type: ignore[arg-type]
