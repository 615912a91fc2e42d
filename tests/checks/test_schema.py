"""The right keys with the right values, at the version the community accepts, in words for everyone."""

from __future__ import annotations

import json
from importlib import resources
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from checks import schemas
from checks.findings import Severity
from checks.policy import Policy, Versions
from tests.checks.contributions import a_knowledge, a_skill, causes, findings_of, knowledge_of, skill_of

SEEDS = [{"question": f"Question {n}?", "answer": f"Answer {n}."} for n in range(5)]


def with_seed(**changed):
    "Five seeds, the first of them changed; None takes a key out."
    first = {k: v for k, v in {**SEEDS[0], **changed}.items() if v is not None}
    return a_skill(seed_examples=[first, *SEEDS[1:]])


def line_of(text, part):
    return next(n for n, line in enumerate(text.split("\n"), 1) if part in line)


@pytest.mark.parametrize("text", [a_skill(), a_skill(grounded=True), a_skill(version=2), a_skill(version=3.0)])
def test_a_good_skill_has_no_finding(text):
    assert findings_of("schema", skill_of(text)) == []


def test_a_good_knowledge_file_has_no_finding():
    assert findings_of("schema", knowledge_of(a_knowledge())) == []


class TestVersion:
    def test_an_old_skill_is_told_how_to_upgrade(self):
        [finding] = findings_of("schema", skill_of(a_skill(version=1)))
        assert finding.cause.id == "schema/old-version"
        assert (finding.line, finding.column) == (1, 10)
        assert "`version: 2` or `version: 3`" in finding.message
        assert finding.suggestion is not None
        assert finding.suggestion.lines == ("version: 3",)

    def test_what_only_the_upgrade_asks_for_is_one_finding(self):
        "Version 1 took an empty description; the message lists it as a step instead of a second finding."
        [finding] = findings_of("schema", skill_of(a_skill(version=1, task_description="")))
        assert "fill in `task_description`" in finding.how_to_fix

    def test_what_was_wrong_before_the_upgrade_is_still_told(self):
        found = findings_of("schema", skill_of(with_seed(answer=True).replace("version: 3", "version: 1")))
        assert causes(found) == ["schema/old-version", "schema/not-text"]

    def test_a_missing_version_is_added_by_a_suggestion(self):
        [finding] = findings_of("schema", skill_of(a_skill(without=["version"])))
        assert (finding.cause.id, finding.line) == ("schema/missing-version", 1)
        assert finding.suggestion is not None
        assert finding.suggestion.lines[0] == "version: 3"

    @pytest.mark.parametrize("version", [1, 2])
    def test_old_knowledge_gets_one_error_and_no_consequences(self, version):
        old = a_skill(version=version, domain="birds", document={})
        found = knowledge_of(old)
        [finding] = findings_of("schema", found)
        assert finding.cause.id == "schema/old-version"
        assert "`version: 3`" in finding.message
        assert findings_of("counts", found) == []

    def test_old_knowledge_without_a_version_gets_one_error_too(self):
        [finding] = findings_of("schema", knowledge_of(a_skill(without=["version"])))
        assert finding.cause.id == "schema/missing-version"

    def test_knowledge_that_only_lacks_the_line_is_judged_as_version_3(self):
        found = findings_of("schema", knowledge_of(a_knowledge(without=["version", "domain"])))
        assert causes(found) == ["schema/missing-version", "schema/missing-key"]

    ODD: ClassVar = {
        "a number in quotes": ("version: '3'", "schema/version-not-a-number", "quotes"),
        "a word": ("version: three", "schema/version-not-a-number", "three"),
        "a truth": ("version: true", "schema/version-not-a-number", "whole number"),
        "nothing": ("version:", "schema/version-not-a-number", "whole number"),
        "a list": ("version: [3]", "schema/version-not-a-number", "whole number"),
        "a version of the future": ("version: 4", "schema/no-such-version", "does not exist"),
        "a huge number": ("version: 99999999999999999999", "schema/no-such-version", "does not exist"),
        "zero": ("version: 0", "schema/old-version", "too old"),
    }

    @pytest.mark.parametrize("case", ODD)
    def test_an_odd_version_is_one_error_that_names_the_accepted_ones(self, case):
        line, cause, words = self.ODD[case]
        [finding] = findings_of("schema", skill_of(a_skill().replace("version: 3", line)))
        assert finding.cause.id == cause
        assert words in finding.message
        assert "`version: 2` or `version: 3`" in finding.message
        assert finding.line == 1

    def test_the_community_decides_what_is_accepted(self):
        policy = Policy(versions=Versions(skill=(3,)))
        [finding] = findings_of("schema", skill_of(a_skill(version=2)), policy)
        assert "Accepted for skills: `version: 3`." in finding.message


class TestText:
    BARE: ClassVar = {
        "yes": (True, "answer: true", "true"),
        "a number": (42, "answer: 42", "a number"),
        "a decimal": (1.5, "answer: 1.5", "a number"),
    }

    @pytest.mark.parametrize("case", BARE)
    def test_a_bare_word_is_to_be_put_in_quotes(self, case):
        value, written, read_as = self.BARE[case]
        text = with_seed(answer=value)
        [finding] = findings_of("schema", skill_of(text))
        assert finding.cause.id == "schema/not-text"
        assert read_as in finding.message
        assert (finding.line, finding.column) == (line_of(text, written), 13)
        assert finding.suggestion is not None
        assert finding.suggestion.lines == (f'    answer: "{written.removeprefix("answer: ")}"',)

    def test_yes_is_explained_as_it_was_written(self):
        text = a_skill(seed_examples=[*SEEDS[:4], {"question": "Is it?", "answer": "PLACE"}])
        [finding] = findings_of("schema", skill_of(text.replace("PLACE", "yes")))
        assert finding.message == "`answer` has to be text, but YAML reads `yes` as true."
        assert finding.how_to_fix == 'Put it in quotes: `answer: "yes"`.'

    def test_a_date_is_quoted_too(self):
        [finding] = findings_of("schema", skill_of(with_seed(answer="PLACE").replace("PLACE", "2024-05-01")))
        assert "`2024-05-01` as a date" in finding.message

    def test_a_long_bare_number_is_not_repeated(self):
        "It may be somebody's telephone number."
        [finding] = findings_of("schema", skill_of(with_seed(answer=5550123456)))
        assert "555" not in finding.message + finding.how_to_fix
        assert finding.suggestion is None

    BLANK: ClassVar = {"nothing": "''", "blanks": "'  '", "no value": "", "a null": "null"}

    @pytest.mark.parametrize("case", BLANK)
    def test_empty_text_is_refused(self, case):
        "Upstream lets blanks pass."
        text = with_seed(answer="PLACE").replace("PLACE", self.BLANK[case])
        [finding] = findings_of("schema", skill_of(text))
        assert finding.cause.id == "schema/empty-text"
        assert (finding.line, finding.column) == (line_of(text, "answer:"), 5)
        assert finding.message == "`answer` is empty."

    def test_a_colon_that_made_keys_of_a_text_is_explained(self):
        text = with_seed(answer={"He said": "yes"})
        [finding] = findings_of("schema", skill_of(text))
        assert finding.cause.id == "schema/wrong-shape"
        assert "colon" in finding.how_to_fix


class TestKeys:
    def test_a_missing_key_is_named_with_its_seed_example(self):
        [finding] = findings_of("schema", skill_of(with_seed(answer=None)))
        assert finding.message == "`answer` is missing from seed example 1."
        assert finding.line == 5

    def test_a_misspelt_key_is_one_finding_with_a_suggestion(self):
        text = with_seed(answer=None, anwser="Yes.")
        [finding] = findings_of("schema", skill_of(text))
        assert finding.cause.id == "schema/unknown-key"
        assert "did you mean `answer`?" in finding.message
        assert finding.suggestion is not None
        assert finding.suggestion.lines == ("    answer: Yes.",)

    def test_capitals_and_blanks_in_a_key_are_seen_through(self):
        text = a_skill(without=["created_by"]) + "Created By: ana\n"
        [finding] = findings_of("schema", skill_of(text))
        assert "did you mean `created_by`?" in finding.message

    def test_a_task_description_on_knowledge_gets_kind_words(self):
        text = a_knowledge(task_description="Teach birds.")
        [finding] = findings_of("schema", knowledge_of(text))
        assert finding.line == line_of(text, "task_description")
        assert "document_outline" in finding.how_to_fix

    def test_an_attribution_inside_the_file_is_sent_to_its_own_file(self):
        [finding] = findings_of("schema", skill_of(with_seed(attribution="self")))
        assert "attribution.txt" in finding.how_to_fix

    def test_knowledge_keys_in_a_skill_say_where_knowledge_belongs(self):
        [finding] = findings_of("schema", skill_of(a_skill(domain="birds")))
        assert "knowledge/" in finding.how_to_fix

    def test_questions_outside_a_context_are_one_finding_each(self):
        "Not four: two keys too many and two missing."
        found = findings_of("schema", knowledge_of(a_knowledge(contexts=SEEDS)))
        assert causes(found) == ["schema/unknown-key"] * 5
        assert found[0].message == "The question of seed example 1 does not stand below a context."
        assert "questions_and_answers" in found[0].how_to_fix

    def test_an_empty_context_of_a_skill_may_go(self):
        [finding] = findings_of("schema", skill_of(with_seed(context="")))
        assert "a skill needs no `context`" in finding.how_to_fix

    def test_an_unknown_key_inside_a_question_is_refused(self):
        "Upstream lets it pass; nothing but question and answer belongs there."
        text = a_knowledge().replace("answer:", "source: web\n        answer:", 1)
        assert causes(findings_of("schema", knowledge_of(text))) == ["schema/unknown-key"]

    def test_a_key_that_is_no_text_is_refused_without_a_crash(self):
        assert causes(findings_of("schema", skill_of(a_skill() + "7: a\nyes: b\n? [x]\n: c\n"))) == [
            "schema/unknown-key",
            "schema/unknown-key",
            "schema/unknown-key",
        ]


class TestLists:
    def test_seed_examples_that_are_no_list(self):
        [finding] = findings_of(
            "schema", skill_of(a_skill(seed_examples=5).split("seed_examples")[0] + "seed_examples: a\n")
        )
        assert finding.cause.id == "schema/wrong-shape"
        assert "`seed_examples` has to be a list" in finding.message

    def test_a_seed_example_that_is_only_text(self):
        [finding] = findings_of("schema", skill_of(a_skill(seed_examples=["a", *SEEDS])))
        assert "Seed example 1 has to be a group of keys" in finding.message

    def test_a_seed_example_that_stands_twice(self):
        text = a_skill(seed_examples=[*SEEDS, SEEDS[0]])
        [finding] = findings_of("schema", skill_of(text))
        assert finding.cause.id == "schema/repeated-item"
        assert finding.line == 15
        assert "line 5" in finding.message

    def test_a_document_without_patterns(self):
        text = a_knowledge(document={"repo": "https://example.org/a.git", "commit": "0" * 40, "patterns": []})
        [finding] = findings_of("schema", knowledge_of(text))
        assert (finding.cause.id, finding.line) == ("schema/empty-list", line_of(text, "patterns"))


class TestCreatedBy:
    NAMES: ClassVar = {
        "a full name": ("Ana Lind", "has a space"),
        "an address": ("ana@example.org", "characters"),
        "a link": ("https://github.com/ana", "characters"),
    }

    @pytest.mark.parametrize("case", NAMES)
    def test_what_is_no_user_name_is_a_warning_that_never_repeats_it(self, case):
        name, words = self.NAMES[case]
        [finding] = findings_of("schema", skill_of(a_skill(created_by=name)))
        assert (finding.cause.id, finding.severity) == ("schema/created-by-no-username", Severity.WARNING)
        assert words in finding.message
        assert name not in finding.message

    @pytest.mark.parametrize("name", ["ana", "ana-lind", "a1", "ana_corp", "dependabot[bot]"])
    def test_user_names_are_taken(self, name):
        assert findings_of("schema", skill_of(a_skill(created_by=name))) == []

    def test_an_at_sign_in_front_is_taken_away(self):
        [finding] = findings_of("schema", skill_of(a_skill(created_by="@ana")))
        assert finding.suggestion is not None
        assert finding.suggestion.lines == ("created_by: ana",)


def published(name, version):
    "The published schema with its references, exactly as upstream validates with it."

    def retrieve(uri):
        text = resources.files("instructlab.schema").joinpath(f"v{version}", uri).read_text()
        return Resource.from_contents(json.loads(text), default_specification=DRAFT202012)

    return Draft202012Validator(retrieve(f"{name}.json").contents, registry=Registry(retrieve=retrieve))


KEYS = [
    "version",
    "created_by",
    "task_description",
    "seed_examples",
    "domain",
    "document",
    "document_outline",
    "other",
]
WORDS = st.one_of(st.text(max_size=3), st.none(), st.booleans(), st.integers(0, 3))
PAIRS = st.lists(st.dictionaries(st.sampled_from(["question", "answer"]), WORDS, max_size=2), max_size=4)
SEED = st.dictionaries(
    st.sampled_from(["question", "answer", "context", "questions_and_answers"]), st.one_of(WORDS, PAIRS), max_size=4
)
VALUES = st.one_of(WORDS, st.lists(st.one_of(SEED, WORDS), max_size=6), SEED)


@settings(max_examples=150, deadline=None)
@given(
    data=st.dictionaries(st.sampled_from(KEYS), VALUES),
    kind=st.sampled_from([(schemas.SKILL, 2), (schemas.SKILL, 3), (schemas.KNOWLEDGE, 3)]),
)
def test_what_the_published_schema_refuses_is_refused(data, kind):
    "Ours is stricter in blanks and inner keys, and never looser."
    data = {**data, "version": kind[1]}
    accepted = schemas.acceptor(*kind)(data)
    assert accepted == schemas.validator(*kind).is_valid(data)
    if not published(*kind).is_valid(data):
        assert not accepted


def test_a_good_file_is_good_by_the_published_schema_too():
    import yaml

    assert schemas.acceptor(schemas.SKILL, 2)(yaml.safe_load(a_skill(grounded=True)))
    assert schemas.acceptor(schemas.KNOWLEDGE, 3)(yaml.safe_load(a_knowledge()))
    assert published(schemas.SKILL, 3).is_valid(yaml.safe_load(a_skill()))
    assert published(schemas.KNOWLEDGE, 3).is_valid(yaml.safe_load(a_knowledge()))
