"""The created_by rule: the name of whoever opened the pull request."""

from __future__ import annotations

import pytest

from checks.contribution import FileStatus
from checks.findings import Severity, Suggestion
from tests.checks.contributions import SKILL_PATH, a_file, a_skill, contribution_of, findings_of

SAME = {
    "the same name": "ana",
    "in another case": "Ana",
    "with an @": "@ana",
    "the template's words, which have their own finding": "YOUR_GITHUB_USERNAME",
    "nothing, which has its own finding": "",
}


@pytest.mark.parametrize("name", SAME.values(), ids=SAME)
def test_the_authors_own_name_passes(name: str) -> None:
    assert findings_of("created-by", contribution_of((SKILL_PATH, a_skill(created_by=name)), author="ana")) == []


def test_another_name_is_a_warning_with_the_line_to_write() -> None:
    text = a_skill(created_by="ben").replace("created_by: ben", "created_by: ben  # me")

    [finding] = findings_of("created-by", contribution_of((SKILL_PATH, text), author="Ana-Heron"))

    assert finding.cause.id == "created-by/other-name"
    assert finding.severity is Severity.WARNING
    assert (finding.path, finding.line, finding.column) == (SKILL_PATH, 3, 13)
    assert "ben" in finding.message
    assert "Ana-Heron" in finding.message
    assert finding.suggestion == Suggestion(3, 3, ("created_by: Ana-Heron  # me",), certain=False)


@pytest.mark.parametrize("value", ["ana@heron-club.org", "Ana Heron <ana@heron-club.org>"])
def test_an_address_in_its_place_is_not_repeated(value: str) -> None:
    contribution = contribution_of((SKILL_PATH, a_skill(created_by=value)), author="ana")

    [finding] = findings_of("created-by", contribution)

    assert "is not a GitHub user name" in finding.message
    assert "heron-club" not in str(finding)


def test_a_number_in_its_place_is_compared_as_written() -> None:
    [finding] = findings_of("created-by", contribution_of((SKILL_PATH, a_skill(created_by=42)), author="ana"))

    assert finding.line == 3
    assert findings_of("created-by", contribution_of((SKILL_PATH, a_skill(created_by=42)), author="42")) == []


SILENT = {
    "nobody knows who opened it": (a_file(SKILL_PATH, a_skill()), None),
    "an existing leaf is changed by somebody else": (
        a_file(SKILL_PATH, a_skill(), status=FileStatus.MODIFIED),
        "ben",
    ),
    "the key is missing": (a_file(SKILL_PATH, a_skill(without=("created_by",))), "ben"),
    "the value is a list": (a_file(SKILL_PATH, a_skill(created_by=["ana"])), "ben"),
    "the file is no yaml": (a_file(SKILL_PATH, "created_by: ["), "ben"),
}


@pytest.mark.parametrize(("file", "author"), SILENT.values(), ids=SILENT)
def test_otherwise_it_is_silent(file: object, author: str | None) -> None:
    assert findings_of("created-by", contribution_of(file, author=author)) == []  # type: ignore[arg-type]
