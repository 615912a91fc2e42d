"""The first sentence of a message says what is wrong here; the first of a remedy is something to do."""

from __future__ import annotations

import pytest

from checks.contribution import Commit, Contribution, FileStatus, Identity, Sha
from checks.findings import Finding
from checks.policy import Documents, Licences, Policy, Versions
from checks.registry import all_rules
from checks.rules.dco import advice
from checks.run import judge
from tests.checks.contributions import (
    KNOWLEDGE_PATH,
    SKILL_PATH,
    a_file,
    a_knowledge,
    a_skill,
    attribution,
    contribution_of,
    findings_of,
    knowledge_of,
    skill_of,
)

LONGEST_MESSAGE, LONGEST_REMEDY = 20, 15


def first_sentence(text: str) -> str:
    head, dot, _ = text.partition(". ")
    return f"{head}." if dot else text


CAUSES = {cause.id: cause for rule in all_rules().values() for cause in rule.causes}


@pytest.mark.parametrize("cause_id", CAUSES)
def test_a_remedy_begins_with_one_short_thing_to_do(cause_id: str) -> None:
    sentence = first_sentence(CAUSES[cause_id].remedy)
    assert sentence
    assert len(sentence.split()) <= LONGEST_REMEDY, sentence


WITHOUT_TASK = skill_of(a_skill(without=["task_description"]))
COLON = "version: 3\ncreated_by: ana\ntask_description: Answer: yes\nseed_examples: []\n"
FOLDER = SKILL_PATH.rpartition("/")[0]
SAID = {
    "a missing key": (WITHOUT_TASK, "schema", "`task_description` is missing."),
    "a misspelt key": (
        skill_of(a_skill(without=["task_description"], task_descripton="x")),
        "schema",
        "The key `task_descripton` is not known here; did you mean `task_description`?",
    ),
    "too few examples": (
        skill_of(a_skill(seed_examples=3)),
        "counts",
        "There are 3 of 5 seed examples: add 2 more.",
    ),
    "a licence": (
        contribution_of((f"{FOLDER}/attribution.txt", attribution(licence="CC-BY-NC-4.0"))),
        "licences",
        "CC-BY-NC-4.0 is not an accepted licence.",
    ),
    "an address": (skill_of(a_skill(task_description="ana@heron.dev")), "pii", "An e-mail address is in the text."),
    "an address in a folder's name": (
        contribution_of(("knowledge/science/ana@heron.dev/notes/qna.yaml", "")),
        "pii",
        "An e-mail address is in the name of a folder or file.",
    ),
    "a creator": (
        skill_of(a_skill(created_by="ben")),
        "created-by",
        "`created_by` is `ben`, but `ana` opened this pull request.",
    ),
    "a category": (
        contribution_of(("knowledge/technology/qna.yaml", a_knowledge())),
        "placement",
        "This qna.yaml lies directly in `knowledge/technology`.",
    ),
    "a text file alone": (
        contribution_of((f"{FOLDER}/notes.txt", "x")),
        "placement",
        "`notes.txt` alone teaches nothing: only qna.yaml and attribution.txt are read.",
    ),
    "a text file beside a leaf": (
        contribution_of((SKILL_PATH, a_skill()), (f"{FOLDER}/notes.txt", "x")),
        "placement",
        "`notes.txt` is neither a qna.yaml nor an attribution.txt.",
    ),
    "a text file in a tree": (
        contribution_of(("knowledge/notes.txt", "x")),
        "placement",
        "`notes.txt` alone teaches nothing: only qna.yaml and attribution.txt are read.",
    ),
    "empty lines at the end": (
        skill_of(a_skill() + "\n"),
        "lint",
        "There are empty lines at the end of the file.",
    ),
    "empty lines at the start": (
        skill_of("\n\n" + a_skill()),
        "lint",
        "There are empty lines at the start of the file.",
    ),
    "old knowledge": (
        knowledge_of(a_knowledge(version=1)),
        "schema",
        "Version 1 of knowledge is no longer accepted.",
    ),
    "a document's host": (
        knowledge_of(a_knowledge(document={"repo": "https://a.b/c/d", "commit": "0" * 40, "patterns": ["a.md"]})),
        "document",
        "The address is on `a.b`, which is not accepted.",
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_a_message_says_by_itself_what_is_wrong_here(case: str) -> None:
    contribution, rule, sentence = SAID[case]
    facts = Contribution(contribution.files, contribution.leaves, author=None)
    if rule == "created-by":
        facts = contribution_of(*contribution.files, author="ana")
    [finding] = findings_of(rule, facts)
    assert first_sentence(finding.message) == sentence
    assert len(sentence.split()) <= LONGEST_MESSAGE
    assert len(first_sentence(finding.how_to_fix).split()) <= LONGEST_REMEDY, finding.how_to_fix


def only(rule: str, contribution: Contribution, policy: Policy | None = None) -> Finding:
    [finding] = findings_of(rule, contribution, policy)
    return finding


def test_a_colon_in_a_text_shows_the_line_as_it_should_be() -> None:
    assert '`task_description: "Answer: yes"`' in first_sentence(only("syntax", skill_of(COLON)).how_to_fix)


def test_old_knowledge_is_to_be_started_from_the_template() -> None:
    fix = only("schema", knowledge_of(a_knowledge(version=1))).how_to_fix
    assert fix.startswith("Start from the version 3 template and copy your questions over. ")


def test_many_empty_lines_in_the_middle_may_stay_two() -> None:
    finding = only("lint", skill_of("a: b\n\n\n\nc: d\n"))
    assert finding.how_to_fix == "Leave at most two empty lines together."
    assert "Delete" in only("lint", skill_of("a: b\n\n\n\n")).how_to_fix


NOTHING = {
    "skills": (Policy(versions=Versions(skill=())), skill_of(a_skill()), "schema", "no skills"),
    "knowledge": (Policy(versions=Versions(knowledge=())), knowledge_of(a_knowledge()), "schema", "no knowledge"),
    "licences": (Policy(licences=Licences(allowed=())), skill_of(a_skill()), "licences", "no licence"),
    "hosts": (Policy(documents=Documents(allowed_hosts=())), knowledge_of(a_knowledge()), "document", "no host"),
    "kinds of documents": (
        Policy(documents=Documents(allowed_suffixes=())),
        knowledge_of(a_knowledge()),
        "document",
        "no documents",
    ),
}


@pytest.mark.parametrize("case", NOTHING)
def test_a_project_that_accepts_nothing_says_so(case: str) -> None:
    policy, contribution, rule, words = NOTHING[case]
    assert f"This project accepts {words} at present." in only(rule, contribution, policy).message


def test_a_long_domain_names_no_folder() -> None:
    text = a_knowledge(domain="The many birds of the rivers of the north")
    fix = only("placement", contribution_of(("knowledge/technology/qna.yaml", text))).how_to_fix
    assert "`knowledge/technology/your_topic/qna.yaml`" in fix


def test_an_address_in_a_path_is_told_once_and_repeated_nowhere() -> None:
    folder = "knowledge/science/ana@heron.dev/birds"
    contribution = contribution_of((f"{folder}/qna.yaml", "a:  b  \n"), (f"{folder}/Attribution.txt", "x"))
    verdict = judge(contribution, Policy())
    assert len([f for f in verdict.findings if f.cause.id == "pii/email"]) == 1
    assert "ana@heron.dev" not in repr(verdict)


def test_a_removed_file_with_an_address_in_its_name_is_no_matter() -> None:
    gone = a_file("knowledge/science/ana@heron.dev/qna.yaml", None, status=FileStatus.REMOVED)
    assert findings_of("pii", contribution_of(gone)) == []


def advised(email: str) -> str:
    me = Identity("Ana Heron", email)
    commit = Commit(Sha("a" * 40), "Add", me, Identity("GitHub", "noreply@github.com"))
    found = advice(Contribution((), commits=(commit,)), Policy())
    assert found is not None
    assert (found.sign_off_line in found.next_time) is True
    return found.sign_off_line


def test_next_time_shows_ones_own_line_where_the_address_is_public() -> None:
    line = "Signed-off-by: Ana Heron <1+ana@users.noreply.github.com>"
    assert advised("1+ana@users.noreply.github.com") == line
    assert advised("ana@heron.dev") == ""


def test_the_way_to_sign_off_does_not_spoil_a_leaf() -> None:
    remedy = CAUSES["dco/missing"].remedy
    assert "attribution.txt" in remedy
    assert "last, after your other fixes" in remedy
    assert KNOWLEDGE_PATH.rpartition("/")[2] not in remedy
