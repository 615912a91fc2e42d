"""Nothing is taught twice: what the rule tells, what it leaves alone, and the index that it is told from."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.duplicates_pairs import GOAL_PRECISION, labelled_pairs, score
from checks.contribution import ChangedFile, Contribution, FileStatus, read_contribution
from checks.findings import Finding, Severity
from checks.likeness import index as index_module
from checks.likeness.comparing import likeness
from checks.likeness.index import IndexFullError, IndexUnreadableError, IndexWriter, PassageIndex, Source
from checks.likeness.neighbours import Surroundings, neighbours_in
from checks.likeness.passages import MOST_OF_A_LEAF, Passage
from checks.likeness.sheets import SheetUnreadableError, packed, sheets_of, unpacked
from checks.likeness.signing import hash_of, new_permutations, signatures
from checks.policy import Policy
from checks.registry import get_rule
from tests.checks.contributions import KNOWLEDGE_PATH, SKILL_PATH, a_knowledge, a_skill, as_yaml

OTHER_PATH = "compositional_skills/writing/freeform/rewrite/lengthen/qna.yaml"
PUFFIN = ("Where do puffins dig their burrows?", "Puffins dig burrows into grassy cliffs, often close to the sea.")
PUFFIN_AGAIN = (
    "Where do puffins dig burrows?",
    "Puffins dig their burows into grassy cliffs, often close to the sea.",
)
WREN = ("Why does the wren sing so loudly?", "A small bird has to be heard through dense hedges and thickets.")
SAME_FORM = ("Where do badgers dig their setts?", "Badgers dig setts into sandy slopes, often close to the wood.")


def skill_of(*pairs: Sequence[str]) -> str:
    "The text of a skill with these questions, answers and contexts."
    seeds = [dict(zip(("question", "answer", "context"), pair, strict=False)) for pair in pairs]
    return as_yaml({"version": 2, "created_by": "ana", "task_description": "Birds.", "seed_examples": seeds})


def file_of(path: str, text: str, **kwargs: object) -> ChangedFile:
    return ChangedFile(path, content=text.encode(), size=len(text), **kwargs)  # type: ignore[arg-type]


def an_index(folder: Path, leaves: Iterable[tuple[str, str, int]]) -> Path:
    "An index over leaves by path, text and pull request."
    permutations = new_permutations()
    with IndexWriter(folder, "now", permutations) as writer:
        for path, text, number in leaves:
            for leaf_path, sheet in sheets_of(
                read_contribution([file_of(path, text)]).leaves, permutations
            ).items():
                writer.add(Source(leaf_path, "", number, leaf_path.startswith("knowledge/")), sheet)
        return writer.finish()


def told(
    files: Iterable[ChangedFile],
    folder: Path | None = None,
    *,
    tree: dict[str, str] | None = None,
    pulls: dict[int, dict[str, str]] | None = None,
    number: int = 9,
) -> list[Finding]:
    "What the rule says of changed files beside a tree and other pull requests."
    files = tuple(files)
    contribution: Contribution = read_contribution(files)
    if folder is not None:
        in_tree = an_index(folder / "tree", [(path, text, 0) for path, text in (tree or {}).items()])
        in_pulls = an_index(folder / "pulls", [(p, t, n) for n, of in (pulls or {}).items() for p, t in of.items()])
        around = Surroundings(in_tree, in_pulls, number)
        contribution = replace(contribution, neighbours=neighbours_in(around, contribution.leaves, files))
    return list(get_rule("duplicates").find(contribution, Policy()))


def test_labelled_pairs_are_told_apart() -> None:
    "Of the pairs that people have labelled, at least nine of ten that are called alike are."
    found = score(labelled_pairs())
    assert len(found.found) + len(found.missed) >= 40
    assert found.negatives >= 40
    assert found.precision >= GOAL_PRECISION
    assert found.recall >= 0.8


def test_the_same_pair_twice_in_one_file() -> None:
    "A pair that hardly differs from an earlier one of its file is told, with the line of that one."
    found = told([file_of(SKILL_PATH, skill_of(PUFFIN, WREN, PUFFIN_AGAIN))])
    assert [f.cause.id for f in found] == ["duplicates/in-contribution"]
    assert found[0].severity is Severity.WARNING
    assert "stand on line 5 already, almost word for word" in found[0].message
    assert found[0].line == 9


def test_what_has_all_words_in_another_order_is_not_the_same_to_a_hundred_percent() -> None:
    cliffs = "Often close to the sea, puffins dig burrows into grassy cliffs."
    [finding] = told([file_of(SKILL_PATH, skill_of(PUFFIN, ("Their burrows: where do puffins dig?", cliffs)))])
    assert finding.message.endswith("stand on line 5 already, almost word for word.")


def test_the_same_question_about_the_same_is_the_other_rules_business() -> None:
    "A question that is literally repeated in its file is told once, by the rule about counts."
    assert not told([file_of(SKILL_PATH, skill_of(PUFFIN, PUFFIN))])


def test_two_leaves_of_one_contribution() -> None:
    "A pair that stands in two new leaves of one contribution is told at the later one."
    files = [file_of(OTHER_PATH, skill_of(PUFFIN, WREN)), file_of(SKILL_PATH, skill_of(PUFFIN))]
    (found,) = told(files)
    assert found.path == SKILL_PATH
    assert f"stand in `{OTHER_PATH}` on line 5 already, word for word." in found.message


@pytest.mark.parametrize(
    "pairs",
    [
        (PUFFIN, SAME_FORM),
        ((*PUFFIN, "Puffins nest in burrows."), (*PUFFIN, "The harbour was closed when we came.")),
        (("Is a whale a fish?", "No."), ("Is a spider an insect?", "No.")),
    ],
    ids=["the same form about another animal", "the same question about another context", "short answers"],
)
def test_what_only_looks_alike_is_left_alone(pairs: Sequence[Sequence[str]]) -> None:
    assert not told([file_of(SKILL_PATH, skill_of(*pairs))])


def test_what_the_taxonomy_has_already(tmp_path: Path) -> None:
    "A copied leaf is told once, with where the original stands and how much of it is the same."
    (found,) = told(
        [file_of(SKILL_PATH, skill_of(PUFFIN_AGAIN, WREN))], tmp_path, tree={OTHER_PATH: skill_of(WREN, PUFFIN)}
    )
    assert found.cause.id == "duplicates/in-tree"
    assert found.message == (
        f"This question and its answer stand in the taxonomy (`{OTHER_PATH}`, line 5) already, word for word. "
        "So does 1 more of this file."
    )


def test_the_same_question_with_another_answer(tmp_path: Path) -> None:
    "A question that the taxonomy asks already is told, also when the answer is a new one."
    asked = ("Describe the smell of a forest after heavy summer rain.", "Wet earth, resin and crushed fern.")
    tree = {OTHER_PATH: skill_of((asked[0], "Green and deep, like moss that has taken a long breath."))}
    (found,) = told([file_of(SKILL_PATH, skill_of(asked))], tmp_path, tree=tree)
    assert found.message.startswith("This question is asked in the taxonomy")
    assert found.message.endswith("already, with another answer.")


def test_a_leaf_is_no_duplicate_of_what_it_was(tmp_path: Path) -> None:
    "An edited leaf is not compared with its own older version, nor a moved one with where it was."
    tree = {SKILL_PATH: skill_of(PUFFIN, WREN)}
    edited = file_of(SKILL_PATH, skill_of(PUFFIN_AGAIN, WREN), status=FileStatus.MODIFIED)
    assert not told([edited], tmp_path, tree=tree)
    moved = file_of(OTHER_PATH, skill_of(PUFFIN, WREN), status=FileStatus.RENAMED, previous_path=SKILL_PATH)
    assert not told([moved], tmp_path, tree=tree)
    taken_along = [file_of(OTHER_PATH, skill_of(PUFFIN_AGAIN, WREN)), ChangedFile(SKILL_PATH, FileStatus.REMOVED)]
    assert not told(taken_along, tmp_path, tree=tree)


def test_what_an_edit_leaves_alone_is_not_held_against_it(tmp_path: Path) -> None:
    "Two leaves that are alike since long ago: whoever edits something else in one of them hears nothing of it."
    tree = {SKILL_PATH: skill_of(PUFFIN), OTHER_PATH: skill_of(PUFFIN)}
    edited = file_of(SKILL_PATH, skill_of(PUFFIN, WREN), status=FileStatus.MODIFIED)
    assert not told([edited], tmp_path, tree=tree)


def test_only_the_later_pull_request_is_told(tmp_path: Path) -> None:
    "Of two pull requests with the same pair, the one with the higher number is told of the other."
    pulls = {7: {OTHER_PATH: skill_of(PUFFIN)}}
    (found,) = told([file_of(SKILL_PATH, skill_of(PUFFIN))], tmp_path, pulls=pulls, number=8)
    assert found.cause.id == "duplicates/in-pull-request"
    assert "in pull request #7" in found.message
    assert not told([file_of(SKILL_PATH, skill_of(PUFFIN))], tmp_path, pulls=pulls, number=6)
    assert not told([file_of(SKILL_PATH, skill_of(PUFFIN))], tmp_path, pulls=pulls, number=7)


def test_what_stands_in_both_is_told_of_the_taxonomy(tmp_path: Path) -> None:
    "A pair that the taxonomy has, and an older pull request too, is told once."
    found = told(
        [file_of(SKILL_PATH, skill_of(PUFFIN))],
        tmp_path,
        tree={OTHER_PATH: skill_of(PUFFIN)},
        pulls={1: {"compositional_skills/writing/freeform/x/qna.yaml": skill_of(PUFFIN)}},
    )
    assert [f.cause.id for f in found] == ["duplicates/in-tree"]


def test_contexts_of_knowledge(tmp_path: Path) -> None:
    "A context that another leaf of knowledge teaches already is told; of a skill, contexts are only material."
    knowledge = a_knowledge()
    other = "knowledge/science/animals/fish/pike/qna.yaml"
    (found,) = told([file_of(other, knowledge)], tmp_path, tree={KNOWLEDGE_PATH: knowledge})
    assert found.cause.id == "duplicates/in-tree"
    text = "The harbour was closed when we came, so we anchored behind the island and rowed ashore in the dark."
    tree = {OTHER_PATH: skill_of((*WREN, text))}
    assert not told([file_of(SKILL_PATH, skill_of((*PUFFIN, text)))], tmp_path, tree=tree)


def test_the_examples_of_our_own_tests_are_no_duplicates() -> None:
    assert not told([file_of(SKILL_PATH, a_skill()), file_of(KNOWLEDGE_PATH, a_knowledge())])


def test_without_an_index_only_the_contribution_itself_is_compared(tmp_path: Path) -> None:
    "No index, or one that cannot be read, leaves the rule silent about all the rest."
    contribution = read_contribution([file_of(SKILL_PATH, skill_of(PUFFIN))])
    assert neighbours_in(Surroundings(), contribution.leaves, contribution.files) is None
    folder = an_index(tmp_path / "tree", [(OTHER_PATH, skill_of(PUFFIN), 0)])
    for damage in (lambda: (folder / "text").write_bytes(b""), lambda: (folder / "about.json").write_bytes(b"{")):
        damage()
        with pytest.raises(IndexUnreadableError):
            PassageIndex(folder)
    shutil.rmtree(folder)
    assert neighbours_in(Surroundings(folder), contribution.leaves, contribution.files) is None


def test_an_index_gives_its_sheets_back(tmp_path: Path) -> None:
    "What an index was made from can be taken over into the next one, to the bit."
    leaves = [
        (SKILL_PATH, skill_of(PUFFIN, (*WREN, "Wrens sing in hedges.")), 0),
        (KNOWLEDGE_PATH, a_knowledge(), 0),
    ]
    index = PassageIndex(an_index(tmp_path / "tree", leaves))
    for n, (path, text, _) in enumerate(leaves):
        made = sheets_of(read_contribution([file_of(path, text)]).leaves, new_permutations())[path]
        ((_, kept),) = index.sheets([n])
        assert kept.passages == made.passages
        assert np.array_equal(kept.bands, made.bands)
        assert np.array_equal(kept.asked, made.asked)


def test_sheets_survive_being_packed() -> None:
    sheets = sheets_of(read_contribution([file_of(KNOWLEDGE_PATH, a_knowledge())]).leaves, new_permutations())
    back = unpacked(packed(sheets))
    assert back[KNOWLEDGE_PATH].passages == sheets[KNOWLEDGE_PATH].passages
    assert np.array_equal(back[KNOWLEDGE_PATH].bands, sheets[KNOWLEDGE_PATH].bands)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_sheets_are_said_to_be_none(data: bytes) -> None:
    with pytest.raises(SheetUnreadableError):
        unpacked(data)


def test_an_index_takes_only_so_much_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "A tree with far too much text is refused, and nothing is left of the attempt."
    monkeypatch.setattr(index_module, "MOST_TEXT_BYTES", 50)
    with pytest.raises(IndexFullError):
        an_index(tmp_path / "tree", [(SKILL_PATH, skill_of(PUFFIN, WREN), 0)])
    assert not list(tmp_path.iterdir())


@settings(max_examples=30)
@given(st.lists(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=20), min_size=1, max_size=5))
def test_signatures_are_those_of_datasketch(texts: list[list[str]]) -> None:
    "What we compute for many passages at once is what datasketch computes for each."
    permutations = new_permutations()
    hashes = [hash_of(word) for words in texts for word in words]
    starts = [sum(map(len, texts[:n])) for n in range(len(texts))]
    for words, ours in zip(texts, signatures(hashes, starts, permutations), strict=True):
        theirs = MinHash(num_perm=permutations.shape[1], hashfunc=hash_of, scheme="affine32")
        theirs.update_batch([word.encode("utf-8", "surrogatepass") for word in words])
        assert np.array_equal(theirs.hashvalues, ours)


@settings(max_examples=100)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_any_passage_is_like_itself(question: str, answer: str, context: str) -> None:
    "Whatever people write: it never crashes, and where it has words it is found to be the same."
    passage = Passage(1, f"bird {question}", answer, context)
    found = likeness(passage, passage)
    assert found is not None
    assert found.share == 1.0


def test_a_leaf_of_very_many_pairs_is_judged_in_no_time() -> None:
    "Thousands of pairs that hardly differ: the first few hundred are looked at, and nothing takes long."
    chance = random.Random(1)
    pairs = [(f"Which bird is number {n} {chance.random()}?", "The wren sings. " * 20) for n in range(2_000)]
    assert len(told([file_of(SKILL_PATH, skill_of(*pairs))])) <= MOST_OF_A_LEAF
