"""The quick look of the check lets through nothing that the slow one stops."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.simulator import Pull, Simulator
from bot.simulator.server import RequestRecord, ResponseRecord
from tests.fidelity.check import FidelityCheck
from tests.fidelity.compiled import draft4
from tests.fidelity.rest import RestRules, response_errors
from tests.fidelity.webhooks import quick_look, slow_look
from tests.simulator.client import AppClient

R = "/repos/instruct/taxonomy"
Exchange = tuple[RequestRecord, ResponseRecord]
WRONG: list[Any] = [None, "", "soon", -1, 2**63, 0.5, True, [], {}, [None]]


@pytest.fixture
def rules(check: FidelityCheck) -> RestRules:
    return RestRules()


@pytest.fixture
def heard(sim: Simulator) -> list[Exchange]:
    exchanges: list[Exchange] = []
    sim.observers.append(lambda request, response: exchanges.append((request, response)))
    return exchanges


async def test_what_was_seen_to_be_right_is_seen_to_be_wrong_the_next_time(
    client: AppClient, pull: Pull, heard: list[Exchange], rules: RestRules
) -> None:
    "An exchange of the same form with one wrong value is found, however often the right one went by."
    await client.post(f"{R}/issues/1/comments", {"body": "Welcome!"})
    request, response = heard[-1]
    assert [*rules.violations(request, response), *rules.violations(request, response)] == []

    comment = json.loads(response.body)
    not_told = replace(response, body=json.dumps(comment | {"body": 5}).encode())
    undated = replace(response, body=json.dumps(comment | {"created_at": "yesterday"}).encode())
    wordless = replace(request, body=b'{"body": null}')
    asked_more = replace(request, query={"perpage": "5"})

    assert "5 is not of type 'string'" in " ".join(rules.violations(request, not_told))
    assert "'yesterday' is not a 'date-time'" in " ".join(rules.violations(request, undated))
    assert "request: " in " ".join(rules.violations(wordless, response))
    assert "'perpage'" in " ".join(rules.violations(asked_more, response))
    assert list(rules.violations(request, response)) == []


async def test_what_is_right_is_looked_at_slowly_once(
    client: AppClient, pull: Pull, heard: list[Exchange], rules: RestRules
) -> None:
    "The same request with another body costs no second slow look, nor does any right answer."
    for text in ("Welcome!", "Welcome again!", "And again!"):
        await client.post(f"{R}/issues/1/comments", {"body": text})
    await client.get(f"{R}/pulls/1")
    await client.get(f"{R}/pulls/1")

    assert [violation for exchange in heard[-5:] for violation in rules.violations(*exchange)] == []
    assert rules.slow_looks == 2


@pytest.mark.parametrize("path", ["issues/comments/{comment}", "check-runs/{run}", "contents/README.md"])
async def test_no_spoilt_answer_gets_by_the_quick_look(
    path: str, client: AppClient, pull: Pull, heard: list[Exchange], rules: RestRules
) -> None:
    "Every value of an answer in turn is left out or made wrong: what the slow look stops, the quick one stops."
    run = await client.post(f"{R}/check-runs", {"name": "Sign-off", "head_sha": pull.head_sha})
    await client.get(f"{R}/{path.format(comment=pull.comments[-1].id, run=run.body['id'])}")
    request, response = heard[-1]
    assert list(rules.violations(request, response)) == []

    endpoint = rules.endpoints.find(request.method, request.path)
    assert endpoint is not None
    judged = Counter[bool]()
    for spoilt in list(_spoilt(json.loads(response.body)))[::2]:
        given = replace(response, body=json.dumps(spoilt).encode())
        is_right = not list(response_errors(endpoint, request, given))
        assert is_right or not endpoint.answers(given), spoilt
        judged[is_right] += 1

    assert min(judged[True], judged[False]) > 5


async def test_no_spoilt_webhook_gets_by_the_quick_look(sim: Simulator, pull: Pull) -> None:
    "Nor does a spoilt webhook."
    payload = next(delivery.payload for delivery in sim.deliveries if delivery.event == "issue_comment")
    judged = Counter[bool]()
    for spoilt in list(_spoilt(payload))[::17]:
        is_right = slow_look("issue_comment$created").is_valid(spoilt)
        assert is_right or not quick_look("issue_comment$created").is_valid(spoilt), spoilt
        judged[is_right] += 1

    assert min(judged[True], judged[False]) > 5


def test_what_only_openapi_says_is_said_in_draft_4() -> None:
    "Null, whole numbers of a size, kinds and directions are kept; a property may be called as a keyword is."
    assert draft4({"type": "string", "nullable": True, "example": "x"}) == {"type": ["string", "null"]}
    assert draft4({"nullable": True, "oneOf": [{}]}) == {"oneOf": [{}]}
    assert draft4({"type": "integer", "format": "int32"})["allOf"] == [{"minimum": -(2**31), "maximum": 2**31 - 1}]
    assert draft4({"properties": {"nullable": {"type": "boolean"}}}) == {
        "properties": {"nullable": {"type": "boolean"}}
    }
    assert draft4({"type": "string", "writeOnly": True})["allOf"] == [{"not": {}}]


def _spoilt(value: Any) -> Iterator[Any]:
    """Yield a value with each of its parts in turn left out, or another."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in parts:
        yield {key: kept for key, kept in value.items() if key != step} if isinstance(value, dict) else []
        for other in [*WRONG, *_spoilt(part)]:
            changed = value.copy()
            changed[step] = other
            yield changed
