"""`taxonomy-check --fix` puts right what is mechanical, in the files asked for and nowhere else."""

from __future__ import annotations

from pathlib import Path

from checks.checkout import Survey, gather
from checks.local_fix import Mending
from checks.policy import default_policy
from checks.report.fixes import mending_lines
from tests.checks.contributions import SKILL_PATH, a_skill, attribution
from tests.cli.checkouts import Checkout

FOLDER = SKILL_PATH.rpartition("/")[0]
SPOILT = a_skill().replace("version: 3", "version: 3  ").replace("\n", "\r\n")


def a_spoilt_skill(checkout: Checkout) -> Path:
    checkout.writes_a_good_skill()
    checkout.writes(SKILL_PATH, SPOILT)
    return checkout.folder / SKILL_PATH


def test_what_is_mechanical_is_put_right(checkout: Checkout) -> None:
    "It says what for, file by file, and the status is that of what is left: nothing."
    leaf = a_spoilt_skill(checkout)
    leaf.chmod(0o755)
    assert checkout.checks(SKILL_PATH).status == 1

    answer = checkout.checks("--fix", SKILL_PATH)

    assert answer.status == 0, answer.out
    assert leaf.read_bytes() == a_skill().encode()
    assert leaf.stat().st_mode & 0o777 == 0o755
    assert f"{SKILL_PATH}: Lines end" in answer.wrapped()
    assert "Ready to go" in answer.out or "All good" in answer.out
    assert [p.name for p in leaf.parent.iterdir() if p.name.startswith(".")] == []
    assert "There is nothing that can be put right mechanically." in checkout.checks("--fix", SKILL_PATH).out


def test_what_is_left_to_people_decides_the_status(checkout: Checkout) -> None:
    "Three examples are too few, however tidy."
    a_spoilt_skill(checkout)
    checkout.writes(SKILL_PATH, a_skill(seed_examples=3).replace("version: 3", "version: 3  "))
    answer = checkout.checks("--fix", SKILL_PATH)
    assert answer.status == 1
    assert "Put right:" in answer.out
    assert "counts/too-few-examples" in answer.out


def test_a_dry_run_changes_nothing_and_shows_what_would(checkout: Checkout) -> None:
    "As a unified diff in which one sees what cannot be seen; the status is that of the state it would lead to."
    leaf = a_spoilt_skill(checkout)
    answer = checkout.checks("--fix", "--dry-run", SKILL_PATH)
    assert answer.status == 0
    assert leaf.read_bytes() == SPOILT.encode()
    assert f"--- a/{SKILL_PATH}\n+++ b/{SKILL_PATH}\n@@" in answer.out
    assert "\n-version: 3  <U+000D>\n" in answer.out
    assert "\n+version: 3\n" in answer.out
    assert "its line numbers are those after the changes" in answer.out


def test_a_dry_run_alone_is_a_mistake(checkout: Checkout) -> None:
    "Nobody should believe that a check without --fix would write."
    answer = checkout.checks("--dry-run")
    assert answer.status == 2
    assert "belongs to --fix" in answer.wrapped()


def test_files_not_asked_for_are_left_alone(checkout: Checkout) -> None:
    "The other leaf, and the attribution file beside the one that was named, which is only read along."
    leaf = a_spoilt_skill(checkout)
    other = SKILL_PATH.replace("shorten", "lengthen")
    checkout.writes(other, SPOILT)
    crooked = attribution().replace("CC-BY-SA-4.0", "CC BY-SA 4.0")
    checkout.writes(f"{FOLDER}/attribution.txt", crooked)

    checkout.checks("--fix", SKILL_PATH)

    assert leaf.read_bytes() == a_skill().encode()
    assert (checkout.folder / other).read_bytes() == SPOILT.encode()
    assert (checkout.folder / FOLDER / "attribution.txt").read_text() == crooked


def test_no_link_is_followed(checkout: Checkout, tmp_path: Path) -> None:
    "A leaf that is a link, or lies behind one, leads to files that are not of this checkout."
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "qna.yaml").write_bytes(SPOILT.encode())
    checkout.writes_a_good_skill()
    folder = checkout.folder / FOLDER
    (folder.parent / "qna.yaml").symlink_to(outside / "qna.yaml")
    (folder.parent / "behind").symlink_to(outside)

    checkout.checks("--fix", ".")

    assert (outside / "qna.yaml").read_bytes() == SPOILT.encode()
    assert sorted(p.name for p in outside.iterdir()) == ["qna.yaml"]


def test_files_and_folders_get_their_right_names(checkout: Checkout) -> None:
    "What lies in the folder moves along, and the emptied folder is gone."
    odd = "compositional_skills/writing/freeform/rewrite/Shorten-It/qna.yml"
    checkout.writes(odd, a_skill())
    checkout.writes(odd.replace("qna.yml", "attribution.txt"), attribution())

    answer = checkout.checks("--fix", ".")

    place = checkout.folder / "compositional_skills/writing/freeform/rewrite/shorten_it"
    assert answer.status == 0, answer.out
    assert sorted(p.name for p in place.iterdir()) == ["attribution.txt", "qna.yaml"]
    assert not (checkout.folder / odd).parent.exists()


def test_a_file_with_an_address_in_it_is_left_alone(checkout: Checkout) -> None:
    "And named, for the address has to go first."
    text = a_skill(task_description="Write to jane.doe@posteo.de").replace("version: 3", "version: 3  ")
    checkout.writes_a_good_skill()
    checkout.writes(SKILL_PATH, text)
    answer = checkout.checks("--fix", SKILL_PATH)
    assert f"Left alone: {SKILL_PATH}" in answer.wrapped()
    assert (checkout.folder / SKILL_PATH).read_text() == text
    assert "jane.doe" not in answer.out


def test_the_report_of_machines_stays_theirs(checkout: Checkout) -> None:
    "What was put right is told on the other stream."
    a_spoilt_skill(checkout)
    answer = checkout.checks("--fix", "--format", "json", SKILL_PATH)
    assert {finding["severity"] for finding in answer.json["findings"]} <= {"notice"}
    assert "Put right:" in answer.err


def test_a_file_that_has_changed_meanwhile_is_left_alone(checkout: Checkout) -> None:
    "Its author is at work on it; the other file is put right all the same."
    leaf = a_spoilt_skill(checkout)
    other = SKILL_PATH.replace("shorten", "lengthen")
    checkout.writes(other, SPOILT)
    policy = default_policy()
    asked = Survey(checkout.folder, None, None)
    facts = gather(asked, policy.limits.file_bytes, None)
    leaf.write_text("version: 3  \n")

    mending = Mending()
    after = mending.mend(asked, facts, policy, ())

    assert mending.failed == [(SKILL_PATH, "it has changed meanwhile")]
    assert leaf.read_text() == "version: 3  \n"
    assert [repair.path for repair in mending.done] == [other]
    assert (checkout.folder / other).read_bytes() == a_skill().encode()
    assert {file.path: file.content for file in after.contribution.files}[SKILL_PATH] == SPOILT.encode()
    assert "Not put right" in "\n".join(mending_lines(mending))
