"""What bot and workers say to each other survives the way there, and what is not as agreed is refused politely."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import contract
from pipeline.contract import (
    Artifact,
    Confirmation,
    ContractError,
    Ending,
    JobReport,
    JobSpec,
    LeaseAnswer,
    LeaseRequest,
    Message,
    NewerVersionError,
    Outcome,
    SpecRefusal,
    TaskKind,
    WorkerHello,
    attempt_named,
    task_id_of,
)

MESSAGES = (JobSpec, SpecRefusal, LeaseRequest, LeaseAnswer, JobReport, Confirmation, WorkerHello)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
numbers = st.floats(allow_nan=False, allow_infinity=False)
st.register_type_strategy(float, numbers)
st.register_type_strategy(str, texts)

SPEC = JobSpec(7, 1, TaskKind.PRECHECK, 1, 12, "c0ffee" + "0" * 34, 60.0)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.KIND)
def test_every_message_survives_the_way(kind: type[Message]) -> None:
    "Whatever is in it: written as JSON and read again it is the same."

    @given(st.builds(kind))
    def holds(message: Message) -> None:
        assert kind.from_json(message.to_json()) == message

    holds()


def test_every_message_is_tested() -> None:
    "A new kind of message is added above."
    kinds = {kind.KIND for kind in Message.__subclasses__() if kind.__module__ == contract.__name__}
    assert kinds == {kind.KIND for kind in MESSAGES}


def test_a_newer_version_is_refused_politely() -> None:
    "The reader learns which version came and what to do."
    data = SPEC.to_data() | {"contract": contract.VERSION + 1, "unheard_of": 1}
    with pytest.raises(NewerVersionError, match="Update it"):
        JobSpec.from_data(data)


@given(st.integers(1, 10**17), st.integers(1, 10**8), st.uuids())
def test_the_id_of_a_message_names_its_attempt(job_id: int, attempt: int, unique: UUID) -> None:
    "Whoever cannot read a spec knows from the id which attempt it was."
    assert attempt_named(task_id_of(job_id, attempt, unique.hex)) == (job_id, attempt)


def test_the_form_of_the_id_never_changes() -> None:
    "Workers of every version read it, also those that are older than this test."
    assert task_id_of(7, 2, "c0ffee") == "job.7.2.c0ffee"


@given(st.text(max_size=60) | st.from_regex(r"job\.[0-9-]+\.[0-9]*\.[\w.]*"))
def test_another_id_names_no_attempt_or_a_real_one(task_id: str) -> None:
    "Whatever stands there, no number comes out that no job can have."
    named = attempt_named(task_id)
    assert named is None or (0 < named[0] < 10**18 and 0 < named[1] < 10**9)


@given(st.builds(JobSpec), st.integers(contract.VERSION + 1, 10**9), st.dictionaries(texts, texts))
def test_whatever_a_newer_version_adds_it_is_called_newer(spec: JobSpec, version: int, new: dict[str, str]) -> None:
    "Fields that nobody knows yet do not hide why it cannot be read."
    with pytest.raises(NewerVersionError) as error:
        JobSpec.from_data(new | spec.to_data() | {"contract": version})
    assert error.value.version == version


@given(st.builds(JobSpec), st.sampled_from(sorted(SPEC.to_data())), st.none() | st.lists(st.integers(), max_size=1))
def test_a_broken_spec_is_a_contract_error(spec: JobSpec, name: str, junk: object) -> None:
    "Whichever field is broken, nothing but a ContractError reaches the worker."
    with pytest.raises(ContractError):
        JobSpec.from_data(spec.to_data() | {name: junk})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"contract": None}, "version", id="no version"),
        pytest.param({"contract": True}, "version", id="a version that is no number"),
        pytest.param({"kind": "job-report"}, "job-spec", id="another kind"),
        pytest.param({"job_id": "7"}, "job-spec.job_id", id="a number as text"),
        pytest.param({"job_id": True}, "job-spec.job_id", id="a switch for a number"),
        pytest.param({"task": "mine bitcoin"}, "one of precheck", id="a task that does not exist"),
        pytest.param({"time_limit_s": float("inf")}, "time_limit_s", id="a limit without limit"),
        pytest.param({"inputs": {"contribution": {"name": "a"}}}, "contribution.sha256", id="a missing field"),
        pytest.param({"inputs": []}, "inputs", id="a list for an object"),
        pytest.param({"settings": {"model": ["a"]}}, "settings.model", id="a setting that is a list"),
        pytest.param({"token": "ghs_secret"}, "does not know", id="a field more than agreed"),
    ],
)
def test_what_is_not_as_agreed_is_refused_with_its_place(change: dict[str, Any], said: str) -> None:
    "The error names the place, and repeats nothing of what came."
    with pytest.raises(ContractError, match=said.replace(".", r"\.")) as error:
        JobSpec.from_data(SPEC.to_data() | change)
    assert "ghs_secret" not in str(error.value)
    assert "bitcoin" not in str(error.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_noise_is_refused(noise: bytes) -> None:
    "Whatever arrives, it is a ContractError and nothing else."
    with pytest.raises(ContractError):
        JobReport.from_json(noise)


def test_deep_nesting_is_refused() -> None:
    "A message that is nested without end does not take the reader down."
    with pytest.raises(ContractError):
        JobReport.from_json("[" * 100_000)


def test_a_report_without_anything_is_a_heartbeat() -> None:
    "Sequence and secret are all it needs."
    beat = JobReport(7, 1, "worker", 3, "secret")
    assert json.loads(beat.to_json()) == {
        "contract": 1,
        "kind": "job-report",
        "job_id": 7,
        "attempt": 1,
        "worker": "worker",
        "sequence": 3,
        "secret": "secret",
        "progress": None,
        "log": [],
        "outcome": None,
    }


def test_an_outcome_carries_its_artifacts() -> None:
    "Nested values come back as what they were."
    outcome = Outcome(Ending.SUCCEEDED, result=Artifact("result.json", "0" * 64, 12, "application/json"))
    report = JobReport(7, 1, "worker", 4, "secret", outcome=outcome)
    assert JobReport.from_json(report.to_json()).outcome == outcome


def test_the_contract_needs_nothing_but_python() -> None:
    "Bot and workers share it, so it imports only the standard library."
    tree = ast.parse(Path(contract.__file__).read_text(encoding="utf-8"))
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"__future__"}


def test_a_spec_has_no_room_for_a_secret() -> None:
    "No field of it is meant for a token, a password or an address of a database."
    named = {name.lower() for name in JobSpec.__dataclass_fields__}
    assert not {name for name in named for word in ("token", "secret", "password", "url", "key") if word in name}
