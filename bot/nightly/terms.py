"""What an operator sets for all builds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NightTerms:
    """The terms. `data_version` is any text: another one has everything generated anew.

    `blame_runs` 0 is as many as halving needs; `replay_share` is of the samples of unchanged leaves. So many
    trainings with other seeds tell in each build how much a score moves by chance.
    """

    seed: int = 0
    noise_seeds: int = 2
    blame_runs: int = 0
    data_version: str = ""
    replay_share: float = 1.0
