"""What the offline teacher writes from examples of a skill: questions, contexts, answers, pairs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from pipeline.tiny.dice import Dice
from pipeline.tiny.items import Item, read_items, write_items
from pipeline.tiny.prompt import Prompt
from pipeline.tiny.reading import FUNCTION_WORDS, NUMBER, WORD, Sentence, alike, sentences, share, stems
from pipeline.tiny.rewording import about_something_else, framed, reworded
from pipeline.tiny.writing import questions_about

UNKNOWN = "I do not know."
MISSES = 0.07  # of the questions have nothing to do with the skill
_MISSES = ("What is the weather like tomorrow?", "And so on", "How old are you?", "Why?")
_TRIES = 6
_ENOUGH = 0.25  # of a question's words, for a sentence to answer it


def questions(prompt: Prompt, dice: Dice) -> str:
    """Write questions like those of the examples: reworded, recombined, or about something else."""
    examples = [item.question for item in read_items(prompt.text("EXAMPLES")) if item.question]
    return write_items(_distinct(_like(examples, dice), set(examples), prompt.count))


def context_questions(prompt: Prompt, dice: Dice) -> str:
    """Write questions about the context: of its sentences, and those of the examples that speak of the same."""
    context = prompt.text("CONTEXT", "DOCUMENT")
    examples = [item.question for item in read_items(prompt.text("EXAMPLES")) if item.question]
    told = stems(context)
    fitting = [question for question in examples if share(stems(question), told) >= 0.5]
    made = (
        Item(question=_miss_or(framed(dice.pick(fitting), dice), dice))
        if fitting and dice.falls(0.4)
        else Item(question=_miss_or(item.question, dice))
        for item in questions_about(context, dice)
    )
    return write_items(_distinct(made, set(examples), prompt.count))


def contexts(prompt: Prompt, dice: Dice) -> str:
    """Write contexts like that of the example: other numbers, other words, another order."""
    shown = prompt.text("CONTEXT")
    given = [shown] if shown else [item.context for item in read_items(prompt.text("EXAMPLES")) if item.context]
    made: dict[str, None] = {}
    for _try in range(prompt.count * _TRIES if given else 0):
        made.setdefault(_varied(dice.pick(given), dice))
        if len(made) == prompt.count:
            break
    return write_items(Item(context=text) for text in made)


def pairs(prompt: Prompt, dice: Dice) -> str:
    """Write questions with their answers: from the context where there is one, else like the examples."""
    context = prompt.text("CONTEXT", "DOCUMENT")
    examples = read_items(prompt.text("EXAMPLES"))
    asked = [item.question for item in examples if item.question]
    made = questions_about(context, dice) if context else _like(asked, dice)
    found = _distinct(made, set(asked), prompt.count)
    return write_items(Item(item.question, item.answer or from_examples(item.question, examples)) for item in found)


def answer(prompt: Prompt, _dice: Dice) -> str:
    """Answer the question: from the context where there is one, else as the examples do."""
    told = prompt.text("CONTEXT", "DOCUMENT")
    if told:
        return from_text(prompt.question, told)
    if examples := read_items(prompt.text("EXAMPLES")):
        return from_examples(prompt.question, examples)
    return from_text(prompt.question, "\n".join(prompt.outside[:-1]))


def from_text(question: str, text: str) -> str:
    """Return the sentence of the text that says most of what is asked, or that it is not known."""
    asked = stems(question)

    def says(sentence: Sentence) -> float:
        return share(asked, sentence.stems) + alike(asked, sentence.stems) / 10

    best = max(sentences(text), key=says, default=None)
    return best.text if best is not None and share(asked, best.stems) >= _ENOUGH else UNKNOWN


def from_examples(question: str, examples: list[Item]) -> str:
    """Return the answer of the example most alike, with what is asked in the place of what was asked there."""
    asked = stems(question)
    best = max(examples, key=lambda item: alike(asked, stems(item.question)), default=Item())
    if not best.answer or alike(asked, stems(best.question)) < 0.2:
        return UNKNOWN
    new, old = (_meaning(question, best.question), _meaning(best.question, question))
    swapped = [word for word in old if re.search(rf"\b{re.escape(word)}\b", best.answer)]
    if new and swapped:
        return re.sub(rf"\b{re.escape(swapped[-1])}\b", lambda _found: new[-1], best.answer)
    return best.answer


def _meaning(text: str, without: str) -> list[str]:
    """Return the words of a text that carry meaning and are not in another."""
    other = {word.casefold() for word in WORD.findall(without)} | FUNCTION_WORDS
    return [word for word in WORD.findall(text) if word.casefold() not in other]


def _like(examples: list[str], dice: Dice) -> Iterator[Item]:
    while examples:
        asked = reworded(dice.pick(examples), dice)
        if dice.falls(0.7):
            asked = about_something_else(asked, examples, dice)
        if dice.falls(0.4):
            asked = framed(asked, dice)
        yield Item(question=_miss_or(asked, dice))


def _miss_or(question: str, dice: Dice) -> str:
    return dice.pick(_MISSES) if dice.falls(MISSES) else question


def _distinct(made: Iterator[Item], known: set[str], count: int) -> Iterator[Item]:
    """Give different items until there are enough or too many came twice."""
    written = set(known)
    for item in islice(made, count * _TRIES):
        if item.question not in written:
            written.add(item.question)
            yield item
        if len(written) - len(known) == count:
            return


def _varied(text: str, dice: Dice) -> str:
    """Return a text with other numbers, synonyms, and the lines of its tables and lists in another order."""
    changed = NUMBER.sub(lambda found: _near(found[0], dice), reworded(text, dice))
    lines = changed.split("\n")
    rows = [at for at, line in enumerate(lines) if line.lstrip().startswith(("|", "- ", "* "))]
    body = rows[2:] if rows and lines[rows[0]].lstrip().startswith("|") else rows
    mixed = dice.shuffled([lines[at] for at in body])
    for at, line in zip(body, mixed, strict=True):
        lines[at] = line
    return "\n".join(lines)


def _near(number: str, dice: Dice) -> str:
    """Return a number of as many digits."""
    return "".join(
        str(int(dice.throw() * 9) + 1) if digit.isdigit() and dice.falls(0.5) else digit for digit in number
    )
