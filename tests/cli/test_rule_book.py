"""The published pages are what the code says."""

from __future__ import annotations

import json

from checks.policy import Policy
from checks.registry import all_rules
from checks.report.content import anchor
from checks.report.rule_book import main, pages


def test_the_pages_are_fresh() -> None:
    "docs/rules.md, docs/policy.md and docs/policy.schema.json match the code; else run `make docs`."
    assert main([]) == 0, "stale: run `python -m checks.report.rule_book --write`"


def test_every_rule_and_cause_has_its_anchor() -> None:
    "What a message links to is there, once."
    page = pages()["rules.md"]

    for rule in all_rules().values():
        for identifier in (rule.id, *(cause.id for cause in rule.causes)):
            assert page.count(f'<a id="{anchor(identifier)}"></a>') == 1


def test_every_policy_key_is_explained() -> None:
    "The page names each key, and the schema refuses unknown ones."
    page, schema = pages()["policy.md"], json.loads(pages()["policy.schema.json"])

    assert all(f"## `{name}`" in page for name in Policy.model_fields)
    assert schema["additionalProperties"] is False
