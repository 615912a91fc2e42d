"""What cannot be checked is said in words, with status 2, and never with a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from checks.findings import Cause, Check, RuleId
from checks.registry import Rule
from tests.checks.contributions import SKILL_PATH
from tests.cli.checkouts import Checkout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["nowhere"], 'There is no file or folder "nowhere"', id="a missing path"),
        pytest.param(["--base", "nope"], 'There is no commit, branch or tag "nope" here', id="an unknown revision"),
        pytest.param(["--base", "--output=stolen"], "no commit, branch or tag", id="a revision that is an option"),
        pytest.param(["--base", "a\nb"], "no commit, branch or tag", id="a revision with a line end"),
        pytest.param(["--base", ""], "no commit, branch or tag", id="an empty revision"),
        pytest.param(["--rule", "dc"], 'There is no rule "dc". Did you mean "dco"?', id="an unknown rule"),
        pytest.param(["--explain", "dco/missin"], 'Did you mean "dco/missing"?', id="an unknown cause"),
        pytest.param(["--policy", "none.yml"], 'The rules file "none.yml" cannot be read', id="a missing policy"),
        pytest.param(["--policy", "."], "cannot be read", id="a policy that is a folder"),
        pytest.param(["README.md/x"], "There is no file or folder", id="a path below a file"),
        pytest.param(["/"], "lies outside of", id="a path outside"),
        pytest.param([".github"], "There is no file or folder", id="a folder that is not there"),
        pytest.param(["--format", "xml"], "'xml' is not", id="an unknown format"),
    ],
)
def test_what_cannot_be_done_is_explained(checkout: Checkout, arguments: list[str], words: str) -> None:
    "Each ends with status 2 and says what is wrong and what to do."
    if arguments == ["/"]:
        arguments = ["README.md", "/"]
    answer = checkout.checks(*arguments)

    assert answer.status == 2, answer.out
    assert words in answer.wrapped()
    assert "Traceback" not in answer.err
    assert not (checkout.folder / "stolen").exists()


def test_a_broken_policy_is_shown_with_its_lines(checkout: Checkout) -> None:
    "Every mistake of the rules file comes with its place."
    checkout.writes("p.yml", "limits:\n  file_byts: 3\nteems: {}\n")

    answer = checkout.checks("--policy", "p.yml")

    assert answer.status == 2
    assert 'p.yml:2:3: unknown key "file_byts"; did you mean "file_bytes"?' in answer.err
    assert 'p.yml:3:1: unknown key "teems"; did you mean "teams"?' in answer.err


def test_a_base_outside_of_any_repository_is_explained(checkout: Checkout, tmp_path: Path) -> None:
    "--base without git says that git is missing here."
    leaf = tmp_path / SKILL_PATH
    leaf.parent.mkdir(parents=True)
    leaf.write_text("version: 3\n")

    answer = checkout.checks(str(leaf), "--base", "main")

    assert answer.status == 2
    assert "needs a git repository, and this is none" in answer.err


def test_no_taxonomy_at_all_is_explained(checkout: Checkout, tmp_path: Path) -> None:
    "A file that is in no repository and in none of the three folders cannot be placed."
    (tmp_path / "notes.txt").write_text("x")

    answer = checkout.checks(str(tmp_path / "notes.txt"))

    assert answer.status == 2
    assert "is not part of a taxonomy" in answer.err


def test_a_shallow_clone_is_told_how_to_get_the_rest(checkout: Checkout, tmp_path: Path) -> None:
    "Without common history the answer says how to fetch it."
    checkout.writes_a_good_skill()
    checkout.commits("One")
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", "--no-single-branch", checkout.folder.as_uri(), str(clone)], check=True
    )
    elsewhere = Checkout.__new__(Checkout)
    elsewhere.folder = clone

    answer = elsewhere.checks("--base", "origin/main")

    assert answer.status == 2
    assert "fetch-depth: 0" in answer.err


def test_a_crashed_rule_is_our_fault(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    "A rule that crashes gives status 2, says whose fault it is, and never looks like a pass."

    def crash(*_: object) -> list[object]:
        raise ZeroDivisionError("secret text of the contribution")

    broken = Rule(RuleId("broken"), "T", "W", Check.CONTRIBUTION, 1, (Cause("broken/x", "T", "W", "R"),), crash)  # type: ignore[arg-type]
    monkeypatch.setattr("checks.local_check.named_rule", lambda name: broken)
    checkout.writes_a_good_skill()

    text = checkout.checks("--rule", "broken")
    document = checkout.checks("--rule", "broken", "--format", "json")

    assert text.status == document.status == 2
    assert 'Our rule "broken" failed. This is our fault, not yours.' in text.out
    assert "All good" not in text.out
    assert document.json["verdict"] == "unverified"
    assert "secret text" not in text.out + document.out


def test_a_rule_that_overruns_is_our_fault(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    "A rule that never comes back is ended after two seconds, and blamed on nobody else."

    def hang(*_: object) -> list[object]:
        while True:
            pass

    broken = Rule(RuleId("broken"), "T", "W", Check.CONTRIBUTION, 1, (Cause("broken/x", "T", "W", "R"),), hang)  # type: ignore[arg-type]
    monkeypatch.setattr("checks.local_check.named_rule", lambda name: broken)
    checkout.writes_a_good_skill()

    text = checkout.checks("--rule", "broken")

    assert text.status == 2
    assert 'Our rule "broken" failed. This is our fault, not yours.' in text.out
    assert "OverranError" in text.out


def test_a_mistake_of_the_program_is_ours_too(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    "Even an error nobody thought of is told without a traceback."

    def crash(*_: object) -> object:
        raise RuntimeError("oops")

    monkeypatch.setattr("checks.local_check.survey", crash)

    answer = checkout.checks()

    assert answer.status == 2
    assert "This is our fault, not yours." in answer.err
    assert "Traceback" not in answer.err


def test_the_command_itself_starts_quickly_and_loads_no_rules() -> None:
    "--help needs neither rules nor models, and --version tells the version."
    code = (
        "import sys; from checks.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'presidio_analyzer', 'spacy', 'pydantic', 'checks.rules', 'jsonschema'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Check a contribution to a taxonomy" in done.stdout
