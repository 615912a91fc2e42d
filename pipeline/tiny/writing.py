"""What the offline teacher writes about a document: questions with answers, facts, a summary.

It errs on purpose, in a known share of what it writes and always alike, so that the judges have something to find.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from pipeline.tiny.asking import asked_about, clue_question, gap_question
from pipeline.tiny.dice import Dice
from pipeline.tiny.items import Item, read_items, write_items
from pipeline.tiny.prompt import Prompt
from pipeline.tiny.reading import WORD, Sentence, is_english, sentences
from pipeline.tiny.rewording import framed

CLINGS = 0.06  # of the questions speak of "the text", which nobody else has before them
STRAYS = 0.06  # of the answers belong to another question
INVENTS = 0.05  # of the answers say what the document does not
_CLINGING = ("According to the text: {}", "What does the document say? {}", "As stated above: {}")
_INVENTIONS = (
    "It was first described in 1742 by Balthasar Quill.",
    "About 6,411 of them are kept in the museum of Ostergard.",
    "In 1903 a duke sold it for 77 guilders.",
)
_FEWEST_WORDS = 4
_MOST_LOOKS = 1500  # at sentences, for one reply: not every sentence makes a question
_TRIES = 6  # for each item, before the document is taken to be exhausted


def knowledge_questions(prompt: Prompt, dice: Dice) -> str:
    """Write questions about the document, each answered by one of its sentences."""
    told = _statements(prompt.text("DOCUMENT", "CONTEXT"))
    known = {item.question for item in read_items(prompt.text("EXAMPLES"))}
    return write_items(_erring(item, told, dice) for item in _distinct(told, known, prompt.count, dice))


def choices(prompt: Prompt, dice: Dice) -> str:
    """Write questions whose answer is a single word, number or name: each a wrong option for the others."""
    told = _statements(prompt.text("DOCUMENT", "CONTEXT"))
    found: dict[str, Item] = {}
    for sentence in islice(_round(told, dice), prompt.count * _TRIES):
        item = gap_question(sentence, dice)
        if item is not None:
            found.setdefault(item.answer.casefold(), item)
        if len(found) == prompt.count:
            break
    return write_items(found.values())


def facts(prompt: Prompt, dice: Dice) -> str:
    """Write single statements of the document, in its order."""
    told = _statements(prompt.text("DOCUMENT"))
    chosen = set(dice.shuffled(range(len(told)))[: prompt.count])
    return write_items(Item(fact=sentence.text) for at, sentence in enumerate(told) if at in chosen)


def summary(prompt: Prompt, dice: Dice) -> str:
    """Write the first sentence and those that share most words with the others, in the document's order."""
    told = _statements(prompt.text("DOCUMENT"))
    if not told:
        return "The document states nothing."
    seen: dict[str, int] = {}
    for sentence in told:
        for stem in sentence.stems:
            seen[stem] = seen.get(stem, 0) + 1
    weights = [sum(seen[stem] for stem in sentence.stems) / (4 + len(sentence.stems)) for sentence in told]
    kept = dice.pick((3, 4))
    best = sorted(range(1, len(told)), key=lambda at: -weights[at])[: kept - 1]
    return " ".join(told[at].text for at in sorted({0, *best}))


def questions_about(text: str, dice: Dice) -> Iterator[Item]:
    """Give questions about a text with the sentences that answer them; each may come again.

    They are never asked as in `choices`: who has learnt from these still has something to show there.
    """
    for sentence in _round(_statements(text), dice):
        if dice.falls(0.4) and (asked := asked_about(sentence)) is not None:
            yield Item(question=asked, answer=sentence.text)
            continue
        if not is_english(sentence.text):
            if (found := gap_question(sentence, dice)) is not None:
                yield Item(question=found.question, answer=sentence.text)
        elif (found := clue_question(sentence, dice)) is not None:
            yield Item(question=found.question, answer=f"{found.answer}. {sentence.text}")


def _distinct(told: Sequence[Sentence], known: set[str], count: int, dice: Dice) -> Iterator[Item]:
    """Give different questions until there are enough or no more can be made."""
    written = set(known)
    text = "\n\n".join(sentence.text for sentence in told)
    for item in islice(questions_about(text, dice), count * _TRIES):
        question = item.question
        if question in written:
            question = framed(question, dice)
        if question not in written:
            written.add(question)
            yield Item(question=question, answer=item.answer)
        if len(written) - len(known) == count:
            return


def _erring(item: Item, told: Sequence[Sentence], dice: Dice) -> Item:
    throw = dice.throw()
    if throw < CLINGS:
        return Item(dice.pick(_CLINGING).format(item.question), item.answer)
    if throw < CLINGS + STRAYS:
        return Item(item.question, dice.pick(told).text)
    if throw < CLINGS + STRAYS + INVENTS:
        return Item(item.question, f"{item.answer} {dice.pick(_INVENTIONS)}")
    return item


def _statements(text: str) -> list[Sentence]:
    found = [sentence for sentence in sentences(text) if len(WORD.findall(sentence.text)) >= _FEWEST_WORDS]
    return found[:_MOST_LOOKS]


def _round(told: Sequence[Sentence], dice: Dice) -> Iterator[Sentence]:
    """Give the sentences over and over, each time in another order, until enough have been looked at."""
    for _again in range(_MOST_LOOKS // len(told) if told else 0):
        yield from dice.shuffled(told)
