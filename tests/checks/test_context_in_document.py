"""Contexts found again in their document, whatever the marks between the words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.passages import Effort, Library
from checks.policy import Policy
from checks.run import judge
from tests.checks.contributions import causes, findings_of
from tests.checks.documents import fetched, knowledge_with, refused

RULE = "context-in-document"
PASSAGE = (
    "The kingfisher lives near slow rivers. It digs a tunnel as long as an arm into the bank, lays up to seven "
    "eggs at its end, and feeds its young on small fish that it sees from a perch above the water."
)
DOCUMENT = (
    f"# Kingfisher\n\nA bird of Europe, Asia and North Africa.\n\n{PASSAGE}\n\n## Voice\n\nA high, short whistle.\n"
)

SAME = {
    "as it stands there": DOCUMENT,
    "in lines of another length": DOCUMENT.replace(". It digs", ".\n  It\ndigs").replace(
        " on small", "\n\ton   small"
    ),
    "with marks of Markdown": DOCUMENT.replace("kingfisher lives", "**king**fisher _lives_").replace(
        "seven", "`seven`"
    ),
    "with links": DOCUMENT.replace("slow rivers", '[slow rivers](https://rivers.example/slow_(water) "slow")'),
    "with footnotes": DOCUMENT.replace("arm into", "arm[3] into").replace("bank,", "bank,[^12]"),
    "with tags": DOCUMENT.replace("small fish", "<em class='x'>small</em>&nbsp;fish<br/>"),
    "with other quotation marks and dashes": DOCUMENT.replace("bank, lays", "bank — “lays”").replace(
        "up to", "up—to"
    ),
    "in a quotation": "\n".join(f"> {line}" for line in DOCUMENT.splitlines()),
    "in capital letters": DOCUMENT.upper(),
    "with the letters of a print shop": DOCUMENT.replace("fish", "\ufb01sh").replace("tunnel", "tun\u00adnel"),
}


def with_context(document: str, context: str = PASSAGE, policy: Policy | None = None) -> list[str]:
    contribution = knowledge_with(fetched(kingfisher_md=document), contexts=[_seed(context)])
    return causes(findings_of(RULE, contribution, policy))


def _seed(context: str) -> dict[str, object]:
    return {"context": context, "questions_and_answers": [{"question": f"Q{n}?", "answer": "A."} for n in range(3)]}


@pytest.mark.parametrize("name", SAME)
def test_the_same_words_are_found(name: str) -> None:
    assert with_context(SAME[name]) == []


def test_small_edits_are_tolerated() -> None:
    edited = PASSAGE.replace("lives near", "lives close to").replace("small fish", "little fish")
    assert with_context(DOCUMENT, edited) == []


def test_a_changed_context_is_told_with_the_closest_passage() -> None:
    changed = (
        PASSAGE.replace("slow rivers", "the open sea").replace("seven eggs", "two chicks").replace("fish", "bread")
    )
    changed = changed.replace("as long as an arm", "of unknown depth").replace("perch", "cliff")
    contribution = knowledge_with(fetched(birds_md=DOCUMENT), contexts=[_seed(PASSAGE), _seed(changed)])
    [finding] = findings_of(RULE, contribution)

    assert finding.cause.id == f"{RULE}/changed"
    assert finding.severity == "warning"
    assert finding.line == contribution.leaves[0].seed_examples[1].context.mark.line  # type: ignore[union-attr]
    assert "The closest passage of `birds.md` is" in finding.message
    assert "slow rivers" in finding.message


def test_a_context_from_elsewhere_is_told() -> None:
    other = (
        "Mars has two moons, Phobos and Deimos, which were found by Asaph Hall with the great refractor in 1877."
    )
    assert with_context(DOCUMENT, other) == [f"{RULE}/missing"]


def test_the_best_of_several_documents_is_shown() -> None:
    changed = PASSAGE.replace("slow rivers", "the open sea").replace("seven", "two").replace("fish", "bread")
    changed = changed.replace("as long as an arm", "of unknown depth").replace("perch above the water", "hill")
    documents = fetched(a_md="Nothing of the kind.", b_md=DOCUMENT, c_md="The kingfisher lives in a zoo.")
    [finding] = findings_of(RULE, knowledge_with(documents, contexts=[_seed(changed)]))
    assert "`b.md`" in finding.message


def test_a_passage_never_goes_on_in_the_next_document() -> None:
    half = len(PASSAGE) // 2
    documents = fetched(a_md=PASSAGE[:half], b_md=PASSAGE[half:])
    assert causes(findings_of(RULE, knowledge_with(documents, contexts=[_seed(PASSAGE)]))) == [f"{RULE}/changed"]


@pytest.mark.parametrize(
    "found",
    [fetched("birds.pdf"), fetched("more.md", kingfisher_md="Other."), refused("timeout"), fetched(), None],
    ids=["a PDF", "a document that was left out", "a refusal", "no document", "not asked"],
)
def test_what_was_not_read_in_full_is_passed_over(found: object) -> None:
    contribution = knowledge_with(found, contexts=[_seed(PASSAGE)])  # type: ignore[arg-type]
    assert findings_of(RULE, contribution) == []


def test_the_passage_that_is_shown_gives_no_address_away() -> None:
    document = DOCUMENT.replace("seven eggs", "lena.vogel@birds-of-varholm.de")
    changed = PASSAGE.replace("slow rivers", "the open sea").replace("an arm", "a leg").replace("small", "large")
    changed = changed.replace("feeds its young", "throws stones").replace("perch above", "boat on")
    contribution = knowledge_with(fetched(birds_md=document), contexts=[_seed(changed)])
    told = [f.message for f in judge(contribution, Policy()).findings if f.rule == RULE]
    assert told
    assert not any("lena.vogel" in message for message in told)


words = st.text(st.characters(codec="utf-8"), max_size=200)


@given(before=words, passage=words, after=words)
def test_what_was_put_in_is_found(before: str, passage: str, after: str) -> None:
    "Any text between blank lines is found in the text around it, marks or not."
    library = Library([("a.md", f"{before}\n\n{passage.replace('<', ' ')}\n\n{after}")])
    plain = "".join(c if c.isalnum() else " " for c in passage)
    if plain == passage:
        assert library.holds(passage) or "<" in before or "[" in before or "(" in before or "&" in before


@given(passages=st.lists(words, max_size=5), texts=st.lists(words, max_size=3))
def test_nothing_breaks_it(passages: list[str], texts: list[str]) -> None:
    library = Library((f"{n}.md", text) for n, text in enumerate(texts))
    for passage, likeness in zip(passages, library.closest(passages, Effort()), strict=True):
        assert likeness is not None
        assert 0 <= likeness.percent <= 99
        library.holds(passage)


HOSTILE = {
    "one word": ("a " * 300_000, "a " * 399 + "b"),
    "one long word": ("a" * 500_000, "a" * 3_000 + "b"),
    "brackets": ("](" * 150_000 + "([" * 100_000, "x]("),
    "tags that never end": ("<a" * 250_000 + "<!--" * 50_000, "x y z"),
    "few words": ("1 2 3 4 " * 80_000, "1 2 3 4 " * 90 + "5"),
    "no blanks": ("鳥が川に住む。" * 40_000, "鳥が海に住んでいる。魚を食べる"),
    "marks inside words": ("a*b_c'" * 90_000, "a*" * 500),
    "like a regular expression": ("(a+)+$" * 80_000, "(.*)*" * 300 + "a" * 50),
    "entities": ("&nbsp;" * 80_000 + "&" * 50_000, "&nbsp; x"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(20)
def test_hostile_texts_cost_no_more_than_others(name: str) -> None:
    "Half a megabyte, forty contexts: within the time that a rule is given."
    document, context = HOSTILE[name]
    library = Library([("a.md", document)])
    contexts = [f"{context} {n}" for n in range(40)]
    effort = Effort()
    for each in contexts:
        library.holds(each)
    assert len(library.closest(contexts, effort)) == len(contexts)
    assert effort.passages == 10
