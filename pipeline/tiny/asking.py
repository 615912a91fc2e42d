"""Makes a question of a sentence: with a gap in it, by some of its words, or by who, what, when and where."""

from __future__ import annotations

import re

from pipeline.tiny.dice import Dice
from pipeline.tiny.items import Item
from pipeline.tiny.reading import FUNCTION_WORDS, NUMBER, ONE_SIGN, WORD, Sentence, is_english

GAP = "____"
_FEWEST_CLUES = 2
_BY_CLUES = (
    "Which {kind} goes with {clues}?",
    "{clues}: which {kind} do they call to mind?",
    "Name the {kind} that is told of together with {clues}.",
)
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
    r"(?P<doer>[A-Z][\w'-]+(?: [A-Z][\w'-]+){0,3}) (?P<act>[a-z]{3,}(?:ed|ought|ade|ote|rew|old) .+?)[.!]?"
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
    kind, found = _left_out(text, dice)
    if found is None:
        return None
    gapped = text[: found.start()] + GAP + text[found.end() :]
    asked = f'Which {kind} belongs in the gap: "{gapped}"' if is_english(text) else gapped.rstrip(".。")
    return Item(question=f"{asked}?", answer=found[0])


def clue_question(sentence: Sentence, dice: Dice) -> Item | None:
    """Return a question for a word of the sentence by some of its other words, answered by that word; or None."""
    text = sentence.text
    if not is_english(text):
        return None
    kind, found = _left_out(text, dice)
    if found is None:
        return None
    others = [m[0] for m in _telling(text) if m.end() <= found.start() or m.start() >= found.end()]
    named = [f'"{word}"' for word in dice.shuffled(others)[: dice.pick((3, 4))]]
    if len(named) < _FEWEST_CLUES:
        return None
    listed = f"{', '.join(named[:-1])} and {named[-1]}"
    return Item(question=dice.pick(_BY_CLUES).format(kind=kind, clues=listed), answer=found[0])


def _left_out(text: str, dice: Dice) -> tuple[str, re.Match[str] | None]:
    """Return what is asked for, and its kind: mostly what is always asked for of this sentence."""
    if dice.falls(_USUAL):
        dice = Dice("what matters in", text)
    for kind, pattern in (("year", _YEAR), ("number", _NUMBER), ("name", _NAME)):
        if (found := list(pattern.finditer(text))) and dice.falls(_TELLING):
            return kind, dice.pick(found)
    words = _telling(text) or list(_SIGNS.finditer(text))
    return "word", dice.pick(words) if words else None


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
