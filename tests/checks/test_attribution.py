"""The attribution rule: the file is there, and says where everything comes from, in whatever form people use."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.attribution_text import Field, read
from checks.contribution import FileStatus
from checks.findings import Severity
from tests.checks.contributions import (
    SKILL_PATH,
    a_file,
    a_skill,
    attribution,
    causes,
    contribution_of,
    findings_of,
)

FOLDER = SKILL_PATH.rpartition("/")[0]
PATH = f"{FOLDER}/attribution.txt"


def with_attribution(text: str | bytes) -> Any:
    return contribution_of((SKILL_PATH, a_skill()), (PATH, text))


def test_a_new_leaf_without_the_file_fails() -> None:
    [finding] = findings_of("attribution", contribution_of((SKILL_PATH, a_skill())))

    assert finding.cause.id == "attribution/missing"
    assert finding.severity is Severity.ERROR
    assert (finding.path, finding.line, finding.column) == (SKILL_PATH, 1, 1)
    assert FOLDER in finding.message


@pytest.mark.parametrize(
    "name", ["attribute.txt", "ATTRIBUTION.txt", "heron-attribution.txt", "attribution.md", "atribution.txt"]
)
def test_a_name_that_nearly_fits_is_pointed_out(name: str) -> None:
    [finding] = findings_of(
        "attribution", contribution_of((SKILL_PATH, a_skill()), (f"{FOLDER}/{name}", attribution()))
    )

    assert finding.cause.id == "attribution/missing"
    assert name in finding.message
    assert name in finding.how_to_fix


def changed(status: FileStatus) -> Any:
    return a_file(SKILL_PATH, a_skill(), status=status)


GONE = a_file(PATH, None, status=FileStatus.REMOVED)
PRESENCE = {
    "changed leaf, file in the tree": ((changed(FileStatus.MODIFIED),), {SKILL_PATH, PATH}, []),
    "changed leaf, no file in the tree": ((changed(FileStatus.MODIFIED),), {SKILL_PATH}, ["attribution/missing"]),
    "changed leaf, tree unknown": ((changed(FileStatus.MODIFIED),), None, []),
    "the file was removed, the leaf stays": ((GONE,), {SKILL_PATH}, ["attribution/missing"]),
    "the file was removed from a changed leaf": (
        (changed(FileStatus.MODIFIED), GONE),
        None,
        ["attribution/missing"],
    ),
    "leaf and file were removed": ((a_file(SKILL_PATH, None, status=FileStatus.REMOVED), GONE), set(), []),
}


@pytest.mark.parametrize(("files", "tree", "expected"), PRESENCE.values(), ids=PRESENCE)
def test_only_what_is_known_to_be_missing_is_missed(files: Any, tree: Any, expected: list[str]) -> None:
    assert causes(findings_of("attribution", contribution_of(*files, tree=tree))) == expected


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff\n"], ids=["nothing", "blanks", "a byte order mark"])
def test_an_empty_file_fails(text: str) -> None:
    [finding] = findings_of("attribution", with_attribution(text))

    assert finding.cause.id == "attribution/empty"
    assert finding.severity is Severity.ERROR
    assert (finding.path, finding.line) == (PATH, 1)


@pytest.mark.parametrize("content", [b"Creator: Andr\xe9\n", "Creator: Ana\n".encode("utf-16")])
def test_a_file_in_another_encoding_is_an_error(content: bytes) -> None:
    [finding] = findings_of("attribution", with_attribution(content))

    assert finding.cause.id == "attribution/unreadable"
    assert finding.severity is Severity.ERROR


COMPLETE = {
    "the usual form": attribution(),
    "without a last line end": attribution().rstrip(),
    "with Windows line ends": attribution().replace("\n", "\r\n"),
    "a source after another": attribution() + "\n" + attribution(),
    "a source after another without an empty line": attribution() + attribution(),
    "keys as in YAML": (
        "title_of_work: Heron\nlink_to_work: https://en.wikipedia.org/wiki/Heron\nrevision: 12\n"
        "license_of_the_work: CC-BY-SA-4.0\ncreator_names: Wikipedia authors\n"
    ),
    "labels in brackets": (
        "[Title of work]: Heron\n[Link to work]: https://x.org/heron\n[Revision]: of 2024\n"
        "[License of the work]: MIT\n[Creator name]: Ana\n"
    ),
    "labels in bold": (
        "**Title:** Heron\n**Source:** https://x.org/heron\n**Version:** 2\n**Licence:** MIT\n**Author:** Ana\n"
    ),
    "lists under labels": (
        "Title: Heron\nSource:\n  * https://x.org/heron?oldid=12\n\nLicence:\n  * MIT\n\nCreator:\n  * Ana\n"
    ),
    "blanks before colons": "Title : Heron\nLink : https://doi.org/10.1/x\nLicense : MIT\nCreator : Ana\n",
    "a link that never changes": (
        "Title: Heron\nLink: https://en.wikipedia.org/w/index.php?title=H&oldid=12\nLicense: MIT\nCreator: Ana\n"
    ),
    "own work in a word": "self-authored",
    "own work in a sentence": "This skill is self authored. No sources were used.\nLicence: Apache-2.0\n",
    "own work of a user": "Self-created\nGithub username: ana\n",
    "own work in a field": "Title of work: Rhymes\nLink to work: N/A\nLicense of the work: MIT\nCreator: Ana\n",
    "own work by its creator": "Title: Rhymes\nLicense: MIT\nCreator names: self-authored\n",
}


@pytest.mark.parametrize("text", COMPLETE.values(), ids=COMPLETE)
def test_every_form_in_use_is_understood(text: str) -> None:
    assert findings_of("attribution", with_attribution(text)) == []


LACKING = {
    "no title": ("Title of work: Kingfisher\n", "", ["title"]),
    "a title that says nothing": ("Title of work: Kingfisher", "Title of work: No title", ["title"]),
    "an empty licence": ("License of the work: CC-BY-SA-4.0", "License of the work:", ["licence"]),
    "no creator": ("Creator names: Wikipedia authors\n", "", ["creator"]),
    "an unknown creator": ("Creator names: Wikipedia authors", "Creator names: unknown", ["creator"]),
}


@pytest.mark.parametrize(("old", "new", "missing"), LACKING.values(), ids=LACKING)
def test_what_a_source_lacks_is_named(old: str, new: str, missing: list[str]) -> None:
    assert old in attribution()

    [finding] = findings_of("attribution", with_attribution(attribution().replace(old, new)))

    assert finding.cause.id == "attribution/incomplete-source"
    assert finding.severity is Severity.WARNING
    assert (finding.path, finding.line) == (PATH, 1)
    assert all(word in finding.message for word in missing)


def test_of_several_sources_the_incomplete_one_is_pointed_at() -> None:
    second = attribution().replace("Creator names: Wikipedia authors\n", "")

    [finding] = findings_of("attribution", with_attribution(attribution() + "\n" + second))

    assert finding.line == 7
    assert "begins on line 7" in finding.message


def test_a_page_without_its_revision_is_a_warning_at_its_link() -> None:
    text = "".join(line for line in attribution().splitlines(True) if not line.startswith("Revision"))

    [finding] = findings_of("attribution", with_attribution(text))

    assert finding.cause.id == "attribution/no-revision"
    assert finding.severity is Severity.WARNING
    assert finding.line == 2
    assert "oldid" in finding.how_to_fix


NO_SOURCE = {
    "a bare sentence": "Thanks to everyone who helped.",
    "a pasted leaf": a_skill(),
}


@pytest.mark.parametrize("text", NO_SOURCE.values(), ids=NO_SOURCE)
def test_a_file_that_attributes_nothing_is_a_warning(text: str) -> None:
    [finding] = findings_of("attribution", with_attribution(text))

    assert finding.cause.id == "attribution/no-source"
    assert finding.severity is Severity.WARNING


def test_a_bare_link_is_a_source_that_lacks_the_rest() -> None:
    found = findings_of("attribution", with_attribution("https://x.org/heron.pdf\n"))

    assert sorted(causes(found)) == ["attribution/incomplete-source", "attribution/no-revision"]


def test_lines_without_labels_are_told_by_their_looks() -> None:
    said = read("https://x.org/heron\nCC-BY-SA-4.0\nThe heron society\nHerons of the north\n")

    [source] = said.sources
    assert [entry.field for entry in source.entries] == [Field.LINK, Field.LICENCE, Field.CREATOR, Field.TITLE]


def test_the_file_alone_is_judged_too() -> None:
    found = findings_of("attribution", contribution_of((PATH, "Title: Heron\n"), tree={SKILL_PATH, PATH}))

    assert causes(found) == ["attribution/incomplete-source"]


def test_values_know_their_place() -> None:
    [entry] = read("Title: Heron\n  License :  MIT\n").licences

    assert (entry.value, entry.line, entry.column) == ("MIT", 2, 14)


@settings(max_examples=80, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_no_bytes_crash_it(content: bytes) -> None:
    contribution = with_attribution(content)
    found = findings_of("attribution", contribution) + findings_of("licences", contribution)

    assert {f.path for f in found} <= {file.path for file in contribution.files}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from(["Title:", "Link: http://x", "License: CC", "", "- a", "Creator: N/A", "x"]), max_size=9
    )
)
def test_every_entry_stands_where_it_says(lines: list[str]) -> None:
    for source in read("\n".join(lines)).sources:
        for entry in source.entries:
            assert lines[entry.line - 1][entry.column - 1 :].startswith(entry.value)
