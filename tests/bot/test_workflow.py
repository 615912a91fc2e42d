"""Labels and turns after a verdict."""

from __future__ import annotations

import pytest

from bot.workflow import Turn, kind_labels, label_changes, turn_after
from checks.findings import Outcome

SKILL = ["compositional_skills/writing/freeform/haiku/qna.yaml"]


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        pytest.param(SKILL, {"skill"}, id="a skill"),
        pytest.param(["knowledge/history/rome/qna.yaml"], {"knowledge"}, id="knowledge"),
        pytest.param(
            [*SKILL, "knowledge/a/b/qna.yaml"], {"skill", "knowledge"}, id="a skill and knowledge together"
        ),
        pytest.param([".github/workflows/ci.yml"], {"ci"}, id="a workflow"),
        pytest.param(["docs/guide.md", "README.md"], {"documentation"}, id="documentation"),
        pytest.param(["LICENSE"], set(), id="something else"),
    ],
)
def test_kind_labels_say_what_is_touched(paths: list[str], labels: set[str]) -> None:
    "A pull request with skill and knowledge files is both, never knowledge only."
    assert kind_labels(paths) == labels


OURS = frozenset({"skill", "triage-needed", "triage-requested-changes"})


@pytest.mark.parametrize(
    ("outcome", "present", "added", "removed"),
    [
        pytest.param(Outcome.PASSED, {"skill"}, ("triage-needed",), (), id="passed"),
        pytest.param(
            Outcome.FAILED,
            {"skill", "triage-needed"},
            ("triage-requested-changes",),
            ("triage-needed",),
            id="now fails",
        ),
        pytest.param(
            Outcome.PASSED,
            {"skill", "triage-requested-changes"},
            ("triage-needed",),
            ("triage-requested-changes",),
            id="fixed",
        ),
        pytest.param(
            Outcome.UNVERIFIED, {"skill", "triage-needed"}, (), ("triage-needed",), id="our crash is no green light"
        ),
        pytest.param(
            Outcome.UNVERIFIED, {"skill", "triage-requested-changes"}, (), (), id="our crash takes back no request"
        ),
        pytest.param(
            Outcome.PASSED,
            {"skill", "triage-approved"},
            ("triage-follow-up",),
            ("triage-approved",),
            id="a sign-off is void when the content changes",
        ),
        pytest.param(
            Outcome.FAILED,
            {"skill", "triage-approved"},
            ("triage-requested-changes",),
            ("triage-approved",),
            id="a sign-off is void when the checks fail",
        ),
        pytest.param(Outcome.PASSED, {"skill", "triage-rejected"}, (), (), id="a push does not undo a rejection"),
        pytest.param(Outcome.PASSED, {"skill", "hold", "stale"}, ("triage-needed",), (), id="foreign labels stay"),
    ],
)
def test_state_labels_follow_the_verdict(
    outcome: Outcome, present: set[str], added: tuple[str, ...], removed: tuple[str, ...]
) -> None:
    "Only the bot's own labels move, and only as the verdict says."
    changes = label_changes(outcome, frozenset(present), OURS, SKILL, is_draft=False)
    assert (changes.add, changes.remove) == (added, removed)


def test_a_request_set_by_hand_stays_until_the_author_has_pushed() -> None:
    "A green verdict does not answer what a triager asked for; a push does, and the triager is to look again."
    present = frozenset({"skill", "triage-requested-changes"})
    ours = frozenset({"skill"})
    same_head = label_changes(Outcome.PASSED, present, ours, SKILL, is_draft=False, is_new_content=False)
    assert (same_head.add, same_head.remove) == ((), ())
    pushed = label_changes(Outcome.PASSED, present, ours, SKILL, is_draft=False, is_new_content=True)
    assert (pushed.add, pushed.remove) == (("triage-follow-up",), ("triage-requested-changes",))


def test_a_sign_off_stays_while_the_content_stays() -> None:
    "A rebase that leaves the changed files alone leaves triage's sign-off alone."
    present = frozenset({"skill", "triage-approved"})
    changes = label_changes(Outcome.PASSED, present, OURS, SKILL, is_draft=False, is_new_content=False)
    assert (changes.add, changes.remove) == ((), ())


def test_a_kind_label_set_by_hand_stays() -> None:
    "What the bot has not set it does not remove; its own labels go when they no longer fit."
    present = frozenset({"knowledge", "triage-needed", "skill"})
    by_hand = label_changes(Outcome.PASSED, present, frozenset({"skill", "triage-needed"}), SKILL, is_draft=False)
    assert by_hand.remove == ()
    ours = label_changes(Outcome.PASSED, present, present, SKILL, is_draft=False)
    assert ours.remove == ("knowledge",)


def test_a_draft_is_not_sent_to_triagers() -> None:
    "A passing draft waits for its author to mark it ready."
    changes = label_changes(Outcome.PASSED, frozenset({"skill"}), OURS, SKILL, is_draft=True)
    assert (changes.add, changes.remove) == ((), ())


def test_every_outcome_has_a_turn() -> None:
    "It is always clear who acts next."
    assert {turn_after(outcome) for outcome in Outcome} == set(Turn)
