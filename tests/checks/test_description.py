"""The description rule: the repository's template is filled in, and its boxes are ticked."""

from __future__ import annotations

import time

import pytest

from checks.contribution import read_contribution
from checks.findings import Severity
from tests.checks.contributions import causes, findings_of

TEMPLATE = """\
# Contribution
<!-- Thank you! -->

**If your change is about the documentation, replace all of this.**

**Describe the contribution**
<!-- A few sentences. -->
- ...

**Where does it come from?**

## Type (choose one)
- [ ] skill
- [ ] knowledge

## Check-list
- [ ] I ran `taxonomy-check`
- [ ] Every commit is signed off, see [the guide](https://example.org/dco)
- [ ] I added a picture (optional)
"""
FILLED = """\
# Contribution

**Describe the contribution**
A skill that shortens sentences.

**Where does it come from?**
I wrote it.

## Type (choose one)
- [x] skill
- [ ] knowledge

## Check-list
- [X] I ran `taxonomy-check`
- [x] Every commit is signed off, see the guide
- [ ] I added a picture (optional)
"""


def said(description: str | None, *templates: str) -> list[str]:
    contribution = read_contribution([], description=description, templates=templates)
    return [f.message for f in findings_of("description", contribution)]


def test_a_template_that_is_filled_in_needs_nothing() -> None:
    assert said(FILLED, TEMPLATE) == []
    assert said(FILLED.replace("\n", "\r\n"), TEMPLATE) == []


SILENT = {"without a template": ((), "Whatever"), "with one that asks nothing": (("Thank you!\n",), "Whatever")}


@pytest.mark.parametrize(("templates", "description"), SILENT.values(), ids=SILENT)
def test_it_is_silent(templates: tuple[str, ...], description: str) -> None:
    assert said(description, *templates) == []


def test_it_is_silent_where_nobody_asked_for_the_description() -> None:
    assert findings_of("description", read_contribution([])) == []


def test_each_open_box_and_each_empty_part_is_one_line() -> None:
    untouched = TEMPLATE
    assert said(untouched, TEMPLATE) == [
        'Nothing is written under "Describe the contribution".',
        'Nothing is written under "Where does it come from?".',
        'Not ticked: "skill".',
        'Not ticked: "knowledge".',
        'Not ticked: "I ran `taxonomy-check`".',
        'Not ticked: "Every commit is signed off, see [the guide](https://example.org/dco)".',
    ]


def test_a_box_that_was_taken_out_counts_as_not_ticked() -> None:
    without = FILLED.replace("- [X] I ran `taxonomy-check`\n", "")
    assert said(without, TEMPLATE) == ['Not ticked: "I ran `taxonomy-check`".']


def test_a_part_that_was_taken_out_is_named() -> None:
    without = FILLED.replace("**Where does it come from?**\nI wrote it.\n", "")
    assert said(without, TEMPLATE) == ['The part "Where does it come from?" is gone.']


def test_text_inside_a_comment_is_no_text() -> None:
    hidden = FILLED.replace("I wrote it.", "<!-- I wrote it. -->")
    assert said(hidden, TEMPLATE) == ['Nothing is written under "Where does it come from?".']


@pytest.mark.parametrize("description", ["", " \n", "<!-- nothing"])
def test_an_empty_description_is_one_line(description: str) -> None:
    assert said(description, TEMPLATE) == ["The description is empty."]


def test_words_of_ones_own_instead_of_the_template_are_one_line() -> None:
    assert said("Please merge this soon!", TEMPLATE) == ["Nothing of the template is in the description."]


def test_of_several_templates_the_one_that_was_used_counts() -> None:
    other = "## Bug\n\n## Steps\n\n- [ ] It happens twice\n"
    assert said(FILLED, other, TEMPLATE) == []


def test_it_warns_and_blocks_nothing() -> None:
    contribution = read_contribution([], description=TEMPLATE, templates=[TEMPLATE])
    found = findings_of("description", contribution)
    assert {f.severity for f in found} == {Severity.WARNING}
    assert set(causes(found)) == {"description/box-not-ticked", "description/part-not-filled"}
    assert {f.path for f in found} == {None}


HOSTILE = {
    "comments that never end": "<!--" * 16_000,
    "boxes without end": "- [ ] x\n" * 8_000,
    "one long line": "- [ ] " + "**" * 32_000,
    "headings": "# a\n" * 16_000,
    "blanks": "**a" + " " * 65_000,
    "stars": "*" * 65_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_descriptions_and_templates_take_no_time(text: str) -> None:
    started = time.perf_counter()
    said(text, TEMPLATE)
    assert len(said(FILLED, text)) <= 30
    assert time.perf_counter() - started < 2
