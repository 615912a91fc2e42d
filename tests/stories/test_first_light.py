"""A pull request is opened, and within seconds its author knows what to do."""

from __future__ import annotations

from tests.checks.contributions import SKILL_PATH, a_skill
from tests.world import World


async def test_a_good_skill_waits_for_a_triager(world: World) -> None:
    "All checks pass: green runs, the right labels, and a comment that asks nothing of the author."
    pr = await world.ana.opens_pr()

    comment = await pr.next_comment()

    assert "All checks passed" in comment
    assert "Next: a triager" in comment
    assert pr.labels == {"skill", "triage-needed"}
    assert pr.check("Contribution").conclusion == "success"
    assert pr.check("Sign-off").conclusion == "success"


async def test_a_skill_with_too_few_examples_goes_back_to_its_author(world: World) -> None:
    "The run fails with an annotation on the line, and the comment says in words what to do."
    files = {SKILL_PATH: a_skill(seed_examples=3)}

    pr = await world.ana.opens_pr(files, sign_off=False)

    comment = await pr.next_comment()
    assert "Not ready yet: 3 things to fix. Next: you" in comment
    assert pr.labels == {"skill", "triage-requested-changes"}
    run = pr.check("Contribution")
    assert run.conclusion == "failure"
    assert {a.path for a in run.annotations} == {SKILL_PATH}
    assert pr.check("Sign-off").conclusion == "failure"
