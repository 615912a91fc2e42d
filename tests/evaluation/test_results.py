"""Results go from worker to bot as JSON and come back the same."""

from __future__ import annotations

import dataclasses
import json

import pytest

from pipeline.contract import ContractError
from pipeline.evaluation_results import (
    BenchmarkRow,
    EvaluateResult,
    GateRow,
    JudgementCounts,
    ModelIdentity,
    Preferences,
    Scale,
    SideBySide,
    Verdict,
)

ROW = BenchmarkRow("PR-mmlu", Scale.ACCURACY, 5, 40, 20, 0.25, 0.75, 0.5, 0.3, 0.7, 0.001, Verdict.IMPROVED, 21, 1)
GATE = GateRow("MMLU", Scale.ACCURACY, -0.01, -0.03, 0.01, 0.4, 0.02, is_passed=True)
RESULT = EvaluateResult(
    head_sha="c0ffee",
    base=ModelIdentity("granite-7b", "b" * 64, "main"),
    adapter=ModelIdentity("adapter", "a" * 64),
    rows=(ROW,),
    judge=ModelIdentity("mixtral"),
    data={"samples.jsonl": "d" * 64},
    seeds=(42, 43),
    versions={"torch": "2.13.0"},
    judgements=JudgementCounts(made=40, unparsable=1),
    preferences=Preferences(tuned=5, contradictory=2),
    gates=(GATE,),
    side_by_side=(SideBySide("1", "Who?", "Ana.", "Bob.", "Ana.", 1.0, 10.0),),
    durations_s={"training": 61.5},
    gpu_minutes=1.5,
)


def test_a_result_comes_back_the_same() -> None:
    "With everything that its numbers hang on."
    assert EvaluateResult.from_json(RESULT.to_json()) == RESULT
    least = EvaluateResult("c0ffee", ModelIdentity("b"), ModelIdentity("a"), ())
    assert EvaluateResult.from_json(least.to_json()) == least


def test_what_is_not_as_agreed_is_refused() -> None:
    "A verdict that there is not, an unknown field, a number that is none."
    data = json.loads(RESULT.to_json())
    for change in ({"verdict": "great"}, {"luck": 1}, {"p": "0.1"}):
        broken = data | {"rows": [data["rows"][0] | change]}
        with pytest.raises(ContractError):
            EvaluateResult.from_data(broken)
    with pytest.raises(ValueError, match="JSON compliant"):
        dataclasses.replace(RESULT, gpu_minutes=float("nan")).to_json()


def test_a_fall_anywhere_is_a_regression() -> None:
    "Of a benchmark or of a gate."
    assert not RESULT.is_regressed
    assert dataclasses.replace(RESULT, rows=(ROW, dataclasses.replace(ROW, verdict=Verdict.REGRESSED))).is_regressed
    assert dataclasses.replace(RESULT, gates=(dataclasses.replace(GATE, is_passed=False),)).is_regressed
