"""Whatever stands in a pull request: a clear finding or a clear refusal, never a stuck check, never a traceback."""

from __future__ import annotations

from typing import Any

import pytest

from bot.simulator import CommitSpec, Submodule, Symlink, routes_git
from tests.checks.contributions import SKILL_PATH, a_skill, attribution
from tests.world import PullRequest, World
from tests.world.people import a_good_skill

FOLDER = SKILL_PATH.rpartition("/")[0]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


async def the_verdict_on(world: World, files: dict[str, Any]) -> tuple[PullRequest, str]:
    "Open a pull request with these files and return what the bot says."
    pr = await world.ana.opens_pr({f"{FOLDER}/attribution.txt": attribution(), **files})
    comment = await pr.next_comment()
    assert {run.status for run in pr.checks()} == {"completed"}
    assert [run.name for run in pr.rule_checks()] == ["Contribution", "Sign-off"]
    assert "Traceback" not in comment
    return pr, comment


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"\xff\xfe\x00binary\x00", "UTF-8", id="bytes that are no text"),
        pytest.param(b"question: caf\xe9\n", "UTF-8", id="Latin-1 instead of UTF-8"),
        pytest.param(b"x: " + b"y" * 5_000_000, "large", id="five megabytes"),
        pytest.param(BOMB, "alias", id="a billion laughs"),
        pytest.param("[" * 50_000, "nest", id="fifty thousand brackets"),
        pytest.param("", "empty", id="an empty file"),
        pytest.param("version: 2\n\tcreated_by: ana\n", "tab", id="a tab as indentation"),
        pytest.param(Symlink("../../../../etc/passwd"), "link", id="a symbolic link out of the tree"),
        pytest.param(Submodule("a" * 40), "repository", id="a submodule"),
    ],
)
async def test_an_unreadable_leaf_is_a_clear_finding(world: World, content: Any, said: str) -> None:
    "The author is told what is wrong with the file; the check fails and is completed."
    pr, comment = await the_verdict_on(world, {SKILL_PATH: content})
    assert pr.check("Contribution").conclusion == "failure"
    assert said.lower() in comment.lower()


async def test_a_renamed_leaf_is_judged_under_its_new_name(world: World) -> None:
    "Moving a leaf keeps it judged; nothing is said of the place it left."
    await world.github.push_to_default(world.repo, a_good_skill())
    new = f"{FOLDER}_again"
    _, comment = await the_verdict_on(
        world,
        {
            SKILL_PATH: None,
            f"{FOLDER}/attribution.txt": None,
            f"{new}/qna.yaml": a_skill(),
            f"{new}/attribution.txt": attribution(),
        },
    )
    assert "All checks passed" in comment


async def test_a_pull_request_without_files_gets_a_kind_word(world: World) -> None:
    "Nothing is changed: there is nothing to judge, and that is said."
    pr = await world.ana.opens_pr(commits=[CommitSpec("Nothing at all", {})])
    comment = await pr.next_comment()
    assert pr.check("Contribution").status == "completed"
    assert "nothing" in comment.lower()


async def test_a_pull_request_with_three_thousand_files_is_refused_as_a_whole(world: World) -> None:
    "Never is a part of it judged, and the bot does not read three thousand files to say so."
    files = {f"knowledge/big/leaf_{n}/notes.txt": f"{n}\n" for n in range(3_000)}
    pr = await world.ana.opens_pr(files)
    comment = await pr.next_comment()
    assert "3000 files" in comment
    assert pr.check("Contribution").conclusion == "failure"
    assert len(world.github.requests) < 20


async def test_when_github_lists_fewer_files_than_it_counts_nothing_is_judged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    "A part is never taken for the whole: the checks say that we could not look, and nobody is blamed."
    monkeypatch.setattr(routes_git, "COMPARE_FILES", 1)
    pr, comment = await the_verdict_on(world, a_good_skill())
    assert "nothing for you to fix" in comment
    assert {run.conclusion for run in pr.rule_checks()} == {"neutral"}
    assert "triage-needed" not in pr.labels


async def test_personal_data_is_never_repeated(world: World) -> None:
    "An address in an answer blocks, and is found nowhere in what the bot writes."
    seeds = [
        {"question": f"Whom do I ask, {n}?", "answer": "Write to jane.roe@realmail.org today."} for n in range(5)
    ]
    pr, comment = await the_verdict_on(world, {SKILL_PATH: a_skill(seed_examples=seeds)})
    run = pr.check("Contribution")
    assert run.conclusion == "failure"
    assert "personal" in comment.lower() or "e-mail" in comment.lower()
    said = comment + repr(run.summary) + repr([(a.message, a.raw_details, a.title) for a in run.annotations])
    assert "jane.roe" not in said
    assert "realmail" not in said


async def test_what_a_contributor_wrote_mentions_nobody(world: World) -> None:
    "Keys, names and titles made of markup come out as text."
    hostile = "version: 3\n'@instruct/maintainers <img src=x>': 1\ncreated_by: ana\n"
    _, comment = await the_verdict_on(world, {SKILL_PATH: hostile})
    assert "<img" not in comment.replace("`@instruct/maintainers <img src=x>`", "")


async def test_a_syntax_error_in_one_file_does_not_hide_the_others(world: World) -> None:
    "Both files get their findings at once."
    other = "compositional_skills/writing/freeform/other/qna.yaml"
    pr, _ = await the_verdict_on(
        world,
        {
            SKILL_PATH: "version: 3\n  created_by: ana\n",
            other: a_skill(seed_examples=2),
            other.replace("qna.yaml", "attribution.txt"): attribution(),
        },
    )
    assert {a.path for a in pr.check("Contribution").annotations} == {SKILL_PATH, other}


async def test_hundreds_of_findings_fit(world: World) -> None:
    "Annotations go out in batches of fifty; the comment stays readable and under GitHub's limit."
    seeds = [{"question": f"Question {n}?", "answer": True} for n in range(500)]
    pr, comment = await the_verdict_on(world, {SKILL_PATH: a_skill(seed_examples=seeds)})
    assert len(pr.check("Contribution").annotations) >= 200
    assert len(comment) < 65_536
