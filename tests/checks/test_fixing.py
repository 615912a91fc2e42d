"""Mechanical fixes: what they put right, what they leave alone, and that they never do harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.contribution import ChangedFile, Contribution, read_contribution
from checks.findings import Severity, Suggestion
from checks.fixing import apart, applied
from checks.policy import Policy, default_policy
from checks.repair import Repairs, repairs
from checks.run import judge
from tests.checks.contributions import KNOWLEDGE_PATH, SKILL_PATH, a_knowledge, a_skill, attribution

POLICY = default_policy()
ATTRIBUTION_PATH = f"{SKILL_PATH.rpartition('/')[0]}/attribution.txt"
UNREADABLE = ("syntax", "hostile")


def a_contribution(files: dict[str, str | bytes], author: str = "ana") -> Contribution:
    "A contribution that adds these files, in a tree that holds nothing else."
    changed = []
    for path, text in files.items():
        content = text.encode() if isinstance(text, str) else text
        changed.append(ChangedFile(path, content=content, size=len(content)))
    return read_contribution(changed, author=author, tree=files)


def fixed(text: str | bytes, path: str = SKILL_PATH, policy: Policy = POLICY) -> str:
    "What becomes of one leaf, with a good attribution file beside it."
    folder = path.rpartition("/")[0]
    found = repairs(a_contribution({path: text, f"{folder}/attribution.txt": attribution()}), policy)
    if not found.files:
        return text if isinstance(text, str) else ""
    (repair,) = found.files
    return repair.after.decode()


def causes_of(contribution: Contribution) -> Counter[str]:
    return Counter(f.cause.id for f in judge(contribution, POLICY).findings if f.severity is Severity.ERROR)


def after(contribution: Contribution, found: Repairs) -> Contribution:
    "The contribution once everything is put right."
    new = {r.path: r for r in found.files}
    files: dict[str, str | bytes] = {}
    for file in contribution.files:
        repair = new.get(file.path)
        files[repair.new_path if repair else file.path] = repair.after if repair else file.content or b""
    return a_contribution(files, author=contribution.author or "ana")


def with_line(text: str, old: str, new: str) -> str:
    assert old in text, f"{old!r} is not in the file to begin with"
    return text.replace(old, new, 1)


MECHANICAL: dict[str, Callable[[str], str | bytes]] = {
    "spaces at line ends": lambda t: t.replace("\n", "  \n"),
    "tabs at line ends": lambda t: t.replace("\n", "\t\n", 3),
    "no line break at the end": lambda t: t.rstrip("\n"),
    "line ends of Windows": lambda t: t.replace("\n", "\r\n"),
    "a byte order mark": lambda t: b"\xef\xbb\xbf" + t.encode(),
    "UTF-16, as some editors save it": lambda t: t.encode("utf-16"),
    "a mark, Windows and spaces together": lambda t: b"\xef\xbb\xbf" + t.replace("\n", " \r\n").encode(),
    "many empty lines": lambda t: t.replace("\n", "\n\n\n\n\n", 1),
    "empty lines at both ends": lambda t: f"\n\n{t}\n\n\n",
    "no version": lambda t: with_line(t, "version: 3\n", ""),
    "the version in quotes": lambda t: with_line(t, "version: 3", "version: '3'"),
    "the version as a fraction in words": lambda t: with_line(t, "version: 3", "version: 3 # the newest"),
    "a version that does not exist": lambda t: with_line(t, "version: 3", "version: 7  # the newest"),
    "the first version": lambda t: with_line(t, "version: 3", "version: 1"),
    "an @ before the name": lambda t: with_line(t, "created_by: ana", 'created_by: "@ana"'),
    "the template's name": lambda t: with_line(t, "created_by: ana", "created_by: YOUR_GITHUB_USERNAME"),
    "a misspelt key": lambda t: with_line(t, "task_description:", "task_descripton:"),
    "too many spaces behind a colon": lambda t: with_line(t, "created_by: ana", "created_by:    ana"),
    "spaces before a colon": lambda t: with_line(t, "created_by: ana", "created_by : ana"),
    "a zero-width space": lambda t: with_line(t, "created_by: ana", "# a\u200bb\ncreated_by: ana"),
    "a direction override in a comment": lambda t: t + "# \u202eevil\n",
    "tabs for indentation": lambda t: t.replace("\n  ", "\n\t").replace("\n\t  ", "\n\t\t"),
}


@pytest.mark.parametrize("spoilt", MECHANICAL.values(), ids=MECHANICAL.keys())
def test_what_is_mechanical_is_put_right(spoilt: Callable[[str], str | bytes]) -> None:
    "Nothing to complain about is left, and a second time changes nothing."
    files = {SKILL_PATH: spoilt(a_skill(created_by="ana")), ATTRIBUTION_PATH: attribution()}
    contribution = a_contribution(files)

    better = after(contribution, repairs(contribution, POLICY))

    left = {f.cause.id for f in judge(better, POLICY).findings if f.severity is not Severity.NOTICE}
    good = a_contribution({SKILL_PATH: a_skill(created_by="ana"), ATTRIBUTION_PATH: attribution()})
    assert left <= {f.cause.id for f in judge(good, POLICY).findings}
    assert not causes_of(better)
    assert repairs(better, POLICY).files == ()


@pytest.mark.parametrize("word", ["yes", "No", "3.14", "12", "2024-01-02", "on"])
def test_words_that_yaml_takes_for_something_else_are_quoted(word: str) -> None:
    "The answer stays what was written."
    seeds = [{"question": f"Question {n}, about the {n}th bird?", "answer": f"Word {n}"} for n in range(5)]

    text = fixed(with_line(a_skill(seed_examples=seeds), "answer: Word 0\n", f"answer: {word}\n"))

    assert f'answer: "{word}"\n' in text


def test_comments_and_layout_stay_as_they_are() -> None:
    "Only what is wrong changes: quotes, comments, order and indentation are the author's own."
    text = "# my first skill  \n\n" + a_skill().replace("version: 3", "version:   '3'   # as told")

    assert fixed(text) == "# my first skill\n\n" + a_skill().replace("version: 3", "version: 3   # as told")


def test_somebody_elses_name_is_left_to_people() -> None:
    "A name that can be a user's may be there on purpose: it is shown, never written."
    text = a_skill(created_by="bob")
    assert fixed(text) == text
    assert "created_by: ana\n" in fixed(a_skill(created_by="Ana of the Hills"))


def test_files_with_personal_data_are_not_touched() -> None:
    "Putting spaces right would carry the address into another commit; it is said that it was left out."
    text = a_skill(task_description="Write to jane.doe@posteo.de for more").replace("version: 3", "version: 3  ")

    found = repairs(a_contribution({SKILL_PATH: text, ATTRIBUTION_PATH: attribution()}), POLICY)

    assert found.files == ()
    assert found.withheld == (SKILL_PATH,)


def test_a_misspelt_licence_is_written_out() -> None:
    "In the attribution file, line ends and all else kept."
    text = attribution().replace("CC-BY-SA-4.0", "CC BY-SA 4.0").replace("\n", "\r\n")
    assert text != attribution()

    found = repairs(a_contribution({SKILL_PATH: a_skill(), ATTRIBUTION_PATH: text}), POLICY)

    assert [(r.path, r.after.decode()) for r in found.files] == [
        (ATTRIBUTION_PATH, attribution().replace("\n", "\r\n"))
    ]


FOLDER = "compositional_skills/writing/freeform/rewrite"


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (f"{FOLDER}/shorten/qna.yml", f"{FOLDER}/shorten/qna.yaml"),
        (f"{FOLDER}/shorten/QNA.YAML", f"{FOLDER}/shorten/qna.yaml"),
        (f"{FOLDER}/Shorten-Texts/qna.yaml", f"{FOLDER}/shorten_texts/qna.yaml"),
        ("knowledge/Science/Birds of Prey/otter/qna.yaml", "knowledge/science/birds_of_prey/otter/qna.yaml"),
    ],
)
def test_what_is_named_wrongly_is_renamed(was: str, now: str) -> None:
    "With everything beside it, and put right inside as well."
    text = a_knowledge() if was.startswith("knowledge") else a_skill()
    beside, beside_now = (f"{path.rpartition('/')[0]}/attribution.txt" for path in (was, now))
    files = {was: text.replace("version: 3", "version: 3  "), beside: attribution()}

    found = repairs(a_contribution(files), POLICY)

    places = {r.path: r.new_path for r in found.files} | ({beside: beside} if beside == beside_now else {})
    assert places == {was: now, beside: beside_now}
    assert next(r for r in found.files if r.path == was).after.decode() == text


def test_an_attribution_file_gets_its_small_letters() -> None:
    "Only the name differs."
    odd = ATTRIBUTION_PATH.replace("attribution.txt", "ATTRIBUTION.TXT")
    found = repairs(a_contribution({SKILL_PATH: a_skill(), odd: attribution()}), POLICY)
    assert [(r.path, r.new_path, r.before == r.after) for r in found.files] == [(odd, ATTRIBUTION_PATH, True)]


def test_folders_that_others_use_keep_their_names() -> None:
    "Somebody else's leaf would move along."
    mine, theirs = "knowledge/Science/birds/otter/qna.yaml", "knowledge/Science/fish/carp/qna.yaml"
    content = a_knowledge().encode()
    files = [
        ChangedFile(mine, content=content, size=len(content)),
        ChangedFile(mine.replace("qna.yaml", "attribution.txt"), content=attribution().encode(), size=10),
    ]
    tree = {mine, theirs, mine.replace("qna.yaml", "attribution.txt")}
    assert repairs(read_contribution(files, author="ana", tree=tree), POLICY).files == ()


def test_nothing_is_renamed_onto_something_else() -> None:
    "Two files that want one name both stay where they are."
    folder = f"{FOLDER}/shorten"
    files = {f"{folder}/qna.yml": a_skill(), f"{folder}/Qna.yaml": a_skill(), f"{folder}/attribution.txt": "x"}
    assert [r for r in repairs(a_contribution(files), POLICY).files if r.path != r.new_path] == []


def test_no_folder_is_made_in_place_of_a_file_or_link() -> None:
    "Git would drop what has the folder's new name: here a link, which nobody has asked to change."
    odd = f"{FOLDER}/Shorten-It"
    files = {f"{odd}/qna.yaml": a_skill(), f"{odd}/attribution.txt": attribution()}
    given = a_contribution(files)
    assert repairs(given, POLICY).files
    tree = frozenset({*files, f"{FOLDER}/shorten_it"})
    assert repairs(replace(given, tree=tree), POLICY).files == ()


def test_only_the_files_asked_for_are_touched() -> None:
    "The other leaf keeps its spaces."
    spoilt = a_skill().replace("version: 3", "version: 3  ")
    other = f"{FOLDER}/lengthen/qna.yaml"
    files = {SKILL_PATH: spoilt, other: spoilt, ATTRIBUTION_PATH: attribution()}
    found = repairs(a_contribution(files), POLICY, only=[other])
    assert [r.path for r in found.files] == [other]


def test_overlapping_suggestions_are_applied_one_at_a_time() -> None:
    "The upper one first; what is not certain never."
    upper, lower = Suggestion(2, 3, ("b",)), Suggestion(3, 3, ("c",))
    unsure, below = Suggestion(4, 4, ("d",), certain=False), Suggestion(5, 5, ())
    assert apart([lower, below, unsure, upper]) == [upper, below]


def test_content_that_is_no_text_stays_as_it_is() -> None:
    "Nothing is decoded half."
    finding = next(f for f in judge(a_contribution({SKILL_PATH: " \n"}), POLICY).findings)
    assert applied(b"\xff\xfe\x00\xd8", [finding]) == b"\xff\xfe\x00\xd8"


_SPOILS = st.sampled_from(
    [
        lambda t, n: _at(t, n, lambda line: f"{line}  "),
        lambda t, n: _at(t, n, lambda line: line.replace("  ", "\t", 1)),
        lambda t, n: _at(t, n, lambda line: f"{line}\n\n\n\n"),
        lambda t, n: _at(t, n, lambda line: f"{line}\u200b"),
        lambda t, n: _at(t, n, lambda line: line.replace(": ", ":   ", 1)),
        lambda t, n: _at(t, n, lambda line: line.partition(":")[0] + ": yes"),
        lambda t, n: _at(t, n, lambda line: line.partition(":")[0] + ": note: this # is odd"),
        lambda t, n: _at(t, n, lambda line: line.partition(":")[0] + ": *star"),
        lambda t, n: _at(t, n, lambda line: line.partition(":")[0] + ": |"),
        lambda t, n: _at(t, n, lambda line: line.replace("e", "", 1)),
        lambda t, n: _at(t, n, lambda line: ""),
        lambda t, n: _at(t, n, lambda line: f" {line}"),
        lambda t, n: _at(t, n, lambda line: f"{line}\n{line}"),
        lambda t, n: _at(t, n, lambda line: f"{line} # \x07 a bell, \x0c, \x85 and \u2028"),
        lambda t, n: t.replace("\n", "\r\n"),
        lambda t, n: t.replace("version: 3", f"version: '{n}'"),
        lambda t, n: t.replace("version: 3\n", ""),
        lambda t, n: "\ufeff" + t,
        lambda t, n: t.rstrip("\n"),
        lambda t, n: t[: n * 7],
    ]
)


def _at(text: str, number: int, change: Callable[[str], str]) -> str:
    lines = text.split("\n")
    at = number % len(lines)
    return "\n".join([*lines[:at], change(lines[at]), *lines[at + 1 :]])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    spoils=st.lists(st.tuples(_SPOILS, st.integers(0, 60)), min_size=1, max_size=6),
    is_knowledge=st.booleans(),
)
def test_fixes_never_do_harm(spoils: list[tuple[Callable[[str, int], str], int]], is_knowledge: bool) -> None:
    "Whatever happened to a file: no readable file gains an error, what was mended is gone, twice is as once."
    path = KNOWLEDGE_PATH if is_knowledge else SKILL_PATH
    text = a_knowledge() if is_knowledge else a_skill()
    for spoil, number in spoils:
        text = spoil(text, number)
    beside = f"{path.rpartition('/')[0]}/attribution.txt"
    contribution = a_contribution({path: text, beside: attribution()})

    found = repairs(contribution, POLICY)

    better = after(contribution, found)
    was, now = causes_of(contribution), causes_of(better)
    if not any(cause.startswith(UNREADABLE) for cause in was):
        assert all(now[cause] <= was[cause] for cause in now), (was, now)
    for repair in found.files:
        for mended in repair.mended:
            assert mended.places > 0
    assert repairs(better, POLICY).files == ()
