"""Makes a question of a sentence: with a gap in it, by some of its words, or by who, what, when and where."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.tiny.dice import Dice
from pipeline.tiny.gap import GAP
from pipeline.tiny.items import Item
from pipeline.tiny.reading import FUNCTION_WORDS, NUMBER, ONE_SIGN, WORD, Sentence, is_english

_BY_CLUES = (
    "Which {kind} goes with {clues}?",
    "Think of {clues}: which {kind} comes to mind?",
    "Name the {kind} that is told of together with {clues}.",
    "What {kind} do you connect with {clues}?",
    "Somebody speaks of {clues}. Which {kind} is missing?",
)
_CLUES, _FEWEST_CLUES = (3, 4, 5, 6), 2
_TELLING = 0.9  # how often a year, a number or a name is asked for where there is one
_USUAL = 0.8  # of the questions about a sentence ask for the same word
_NUMBER = re.compile(rf"(?<![\w.]){NUMBER.pattern}(?!\w)")
_YEAR = re.compile(r"\b(?:1\d{3}|20\d{2})\b")
_NAME = re.compile(r"(?<=[\w,;] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_SUBJECT = re.compile(
    r"(?P<subject>(?:(?:The|A|An|Its|His|Her|Their|Most|Some|Many) )?[\w'-]+(?: (?:(?:of|the)\b|[\w'-]+)){0,5}?) "
    r"(?P<verb>is|are|was|were|has|have|had|can) (?P<rest>.+?)[.!]?"
)
_DOER = re.compile(
    r"(?P<doer>[A-Z][\w'-]+(?: [A-Z][\w'-]+){0,3}) "
    r"(?P<act>[a-z]+(?:ed|ought|aught|ade|ote|rew|old|ilt|ound|ept) .+?)[.!]?"
)
_PASSIVE = re.compile(
    r"(?P<participle>\w+(?:ed|en|ilt|ade|own|ung|old|und)) (?P<where>in|at|by|on|from) (?P<what>.+)"
)
_OF_WHICH = {"by": "By whom or what", "from": "From where or when", "at": "Where", "on": "On what or when"}
_SIGNS = re.compile(f"[{ONE_SIGN}]{{2}}")
_LOWER = re.compile(r"(?:The|A|An|Its|His|Her|Their|Most|Some|Many|It|He|She|They|About|Almost|Only)\b")


def gap_question(sentence: Sentence, dice: Dice) -> Item | None:
    """Return a question for what is left out of the sentence, answered by that; None if nothing can be."""
    text = sentence.text
    if (left := _left_out(text, dice)) is None:
        return None
    gapped = text[: left.begin] + GAP + text[left.end :]
    asked = f'Which {left.kind} belongs in the gap: "{gapped}"' if is_english(text) else gapped.rstrip(".。")
    return Item(question=f"{asked}?", answer=text[left.begin : left.end])


def clue_question(sentence: Sentence, dice: Dice) -> Item | None:
    """Return a question for a word of the sentence by some of its other words, answered by that word; or None."""
    text = sentence.text
    if not is_english(text) or (left := _left_out(text, dice)) is None:
        return None
    others = [m[0] for m in _telling(text) if m.end() <= left.begin or m.start() >= left.end]
    named = dice.shuffled(others)[: dice.pick(_CLUES)]
    if len(named) < _FEWEST_CLUES:
        return None
    listed = f"{', '.join(named[:-1])} and {named[-1]}"
    return Item(
        question=dice.pick(_BY_CLUES).format(kind=left.kind, clues=listed), answer=text[left.begin : left.end]
    )


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """A part of a sentence that is asked for, and what it is: year, number, name, word."""

    kind: str
    begin: int
    end: int


def _left_out(text: str, dice: Dice) -> _LeftOut | None:
    """Return what is asked for: mostly what the sentence is there to tell, which is always the same."""
    if dice.falls(_USUAL) and (told := _told(text)) is not None:
        return told
    for kind, pattern in (("year", _YEAR), ("number", _NUMBER), ("name", _NAME)):
        if (found := list(pattern.finditer(text))) and dice.falls(_TELLING):
            return _LeftOut(kind, *dice.pick(found).span())
    words = _telling(text) or list(_SIGNS.finditer(text))
    return _LeftOut("word", *dice.pick(words).span()) if words else None


def _told(text: str) -> _LeftOut | None:
    """Return what a sentence tells of its subject: a year or number, who did it, or what it ends on."""
    for kind, pattern in (("year", _YEAR), ("number", _NUMBER)):
        if found := pattern.search(text):
            return _LeftOut(kind, *found.span())
    if (found := _DOER.fullmatch(text)) and " " in found["doer"]:
        return _LeftOut("name", *found.span("doer"))
    words = _telling(text)
    if not words:
        return None
    last = words[-1]
    names = (name for name in _NAME.finditer(text) if name.start() <= last.start() < name.end())
    name = next(names, None)
    return _LeftOut("name", *name.span()) if name else _LeftOut("word", *last.span())


def _telling(text: str) -> list[re.Match[str]]:
    """Return the words that carry meaning."""
    return [m for m in WORD.finditer(text) if len(m[0]) > 3 and m[0].casefold() not in FUNCTION_WORDS]


def asked_about(sentence: Sentence) -> str | None:
    """Return a question of who, what, when or where that the sentence answers; None if it has no such shape."""
    if not is_english(sentence.text):
        return None
    if found := _DOER.fullmatch(sentence.text):
        return f"Who or what {found['act']}?"
    if not (found := _SUBJECT.fullmatch(sentence.text)):
        return None
    subject, verb, rest = found["subject"], found["verb"], found["rest"]
    if _LOWER.match(subject):
        subject = subject[0].lower() + subject[1:]
    if verb in ("has", "have", "had"):
        return f"What {'did' if verb == 'had' else 'does' if verb == 'has' else 'do'} {subject} have?"
    if verb == "can":
        return f"What can {subject} do?"
    if passive := _PASSIVE.fullmatch(rest):
        at = passive["where"]
        which = _OF_WHICH.get(at) or ("When" if _YEAR.match(passive["what"]) else "Where or in what")
        return f"{which} {verb} {subject} {passive['participle']}?"
    if rest.partition(" ")[0] in ("a", "an", "the", "one"):
        return f"What {verb} {subject}?"
    return f"What can be said of {subject}?"
