"""The offline teacher for measuring: it also answers prompts that ask for tagged parts, and never runs dry.

`python -m benchmarks.generation_server --delay-ms 200 --slots 64`. Questions are varied as a large model varies
them, so that no flow is measured by how many repetitions it drops. Every judgement and every answer is the offline
teacher's own, whichever form a prompt has. Each prompt of a request holds a slot.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Iterator, Sequence

from pipeline.openai_protocol.process import serve
from pipeline.tiny import NAME, judging, skills
from pipeline.tiny.dice import Dice
from pipeline.tiny.items import Item, read_items, write_items
from pipeline.tiny.prompt import Prompt
from pipeline.tiny.server import OfflineTeacher

_PART = re.compile(r"^[ \t]*\[Start of (\w+)\]\n\s*(.*?)\s*\[End of \1\]", re.DOTALL | re.MULTILINE)
_WANTED = re.compile(r"between \[Start of (\w+)\] and")
_HOW_MANY = re.compile(r"\b(?:generate|set of) (\d{1,3})\b", re.IGNORECASE)
_RATING = re.compile(r"\[\[(\w+)\]\]")
_SUBJECTS = (
    "anchor", "basket", "chimney", "dial", "engine", "fountain", "gate", "hinge", "inkwell", "jetty",
    "kiln", "ladder", "mill", "nest", "oar", "pump", "quilt", "rope", "stove", "tower",
)  # fmt: skip
_TOWNS = (
    "Aarhus", "Bari", "Coimbra", "Delft", "Evora", "Faro", "Ghent", "Hull", "Izola", "Jena",
    "Kotka", "Leith", "Menton", "Narva", "Odense", "Pecs", "Riga", "Sligo", "Tartu", "Visby",
)  # fmt: skip


class MeasuredTeacher(OfflineTeacher):
    """Answers fenced tasks and tagged parts alike."""

    def reply(self, prompt: Prompt, messages: Sequence[str], seed: int, index: int) -> str:
        """Return what is said to a prompt in the form that it asks for."""
        dice = Dice(*messages, seed, index)
        if prompt.task == "questions":
            examples = read_items(prompt.text("EXAMPLES"))
            return write_items(Item(question=each) for each in varied(examples[0].question, prompt.count, dice))
        text = "\n".join(messages)
        if not prompt.task and (wanted := list(dict.fromkeys(_WANTED.findall(text)))):
            return tagged(text, wanted, dice)
        return super().reply(prompt, messages, seed, index)


def varied(question: str, count: int, dice: Dice) -> Iterator[str]:
    """Give so many questions like this one, each naming other things; a few are beside the point."""
    for number in range(count):
        if dice.falls(skills.MISSES):
            yield f"Why is number {number} so old?"
        else:
            thing, town, year = dice.pick(_SUBJECTS), dice.pick(_TOWNS), 1200 + int(dice.throw() * 700)
            yield f"{question.rstrip('.?! ')}, and name the {thing} that {town} got in {year}."


def tagged(text: str, wanted: Sequence[str], dice: Dice) -> str:
    """Return the wanted parts between their tags, from the last given parts of each name."""
    given = dict(_PART.findall(text))
    if wanted == ["Question"]:
        found = _HOW_MANY.search(text)
        count = int(found[1]) if found else 1
        return "\n".join(_part("Question", each) for each in varied(given["Question"], count, dice))
    asked = ("QUESTION", given.get("Question", ""))
    if wanted == ["Response"]:
        shown = next(body for name, body in _PART.findall(text) if name == "Question")
        example = write_items([Item(question=shown, answer=given["Response"])])
        return _part("Response", skills.answer(Prompt("answer", 1, (("EXAMPLES", example), asked), ()), dice))
    return "\n".join(_part(name, body) for name, body in zip(wanted, _judged(text, given, asked), strict=False))


def _judged(text: str, given: dict[str, str], asked: tuple[str, str]) -> tuple[str, str]:
    """Return the reason and the rating, by the same rules as for a fenced prompt."""
    if "Answer" in given:
        said = judging.judge_pair(Prompt("", 1, (asked, ("ANSWER", given["Answer"])), ()), Dice())
    else:
        skill = ("SKILL", " ".join(re.findall(r"^\s*Task Description: *(.+)$", text, re.MULTILINE)[-1:]))
        said = judging.judge_question(Prompt("", 1, (asked, skill), ()), Dice())
    why, _, rating = said.partition("\n")
    found = _RATING.fullmatch(rating)
    return why, found[1] if found else ""


def _part(name: str, body: str) -> str:
    return f"[Start of {name}]\n{body}\n[End of {name}]"


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-ms", type=float, default=200.0)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--until-stdin-ends", action="store_true")
    given = parser.parse_args()
    teacher = MeasuredTeacher(delay_ms=given.delay_ms, slots=given.slots)
    asyncio.run(serve(teacher, NAME, until_stdin_ends=given.until_stdin_ends))


if __name__ == "__main__":
    main()
