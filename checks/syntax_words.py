"""The YAML parser's complaints in plain words: what stands there, why it cannot be read, how to put it right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from checks.contribution import Leaf
from checks.findings import Cause
from checks.yaml_tree import Mark, SyntaxProblem

_WHY = "The file is written in YAML. Where its grammar is broken, nothing after that place can be read."

TAB = Cause(
    "syntax/tab",
    "A tab is used where YAML wants spaces",
    "YAML tells by the spaces at the start of a line what belongs together; tabs look different in every editor.",
    "Replace the tab with spaces, two for each level.",
)
COLON = Cause(
    "syntax/colon-in-text",
    "A text with a colon needs quotes",
    "A colon followed by a space tells YAML that a value begins, also in the middle of a sentence.",
    'Put the text in quotes: `answer: "He said: yes"`. Or write `|` after the key and the text indented below it.',
)
SPECIAL_START = Cause(
    "syntax/special-character",
    "A text starts with a character that means something else in YAML",
    "Some characters have a meaning of their own where a value begins, such as * & ! % @ ` [ ] { } | and >.",
    'Put the text in quotes: `answer: "*like this*"`.',
)
QUOTE = Cause(
    "syntax/quotes",
    "Quotation marks do not match",
    "A text that begins with a quotation mark ends at the next one of its kind.",
    "Write `|` after the key and the text indented below it. There quotation marks need no care.",
)
INDENT = Cause(
    "syntax/indentation",
    "A line is indented differently from its neighbours",
    "YAML tells by the spaces at the start of a line what belongs together.",
    "Start lines that belong together at the same column. Indent text below `|` deeper than its key.",
)
NO_COLON = Cause(
    "syntax/missing-colon",
    "A line is neither a key nor part of a text",
    "Every line belongs to a text, or names a key followed by a colon and a space.",
    "Write a colon and a space after the key. If the line is part of a text, indent it deeper than the text's key.",
)
CONTROL = Cause(
    "syntax/control-character",
    "An invisible control character is in the text",
    "Control characters come along when text is copied from other programs; YAML does not allow them.",
    "Delete the character at this place; typing the word anew helps.",
)
BLOCK = Cause(
    "syntax/text-after-bar",
    "Text stands on the same line as `|` or `>`",
    "After `|` or `>` the text begins on the next line.",
    "Move the text to the next line and indent it. If the text itself starts with `|` or `>`, put it in quotes.",
)
OTHER = Cause("syntax/not-yaml", "A file is not YAML", _WHY, "Compare the place with the template, or ask us here.")

NOT_YAML_CAUSES = (TAB, COLON, SPECIAL_START, QUOTE, INDENT, NO_COLON, CONTROL, BLOCK, OTHER)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A syntax problem for people. `quoting_helps` means quotes around the line's value would solve it."""

    cause: Cause
    message: str
    mark: Mark
    remedy: str = ""
    quoting_helps: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """The problem with the lines it is about."""

    problem: SyntaxProblem
    leaf: Leaf

    @property
    def mark(self) -> Mark:
        return self.problem.mark

    @property
    def start(self) -> Mark:
        return self.problem.context_mark or self.problem.mark

    @property
    def line(self) -> str:
        return self.leaf.line_text(self.mark.line)

    @property
    def character(self) -> str:
        return self.leaf.line_text(self.start.line)[self.start.column - 1 : self.start.column]

    def key(self, line: int) -> str:
        """Return "`answer`" for a line that begins with that key, else "this line"."""
        found = _KEY.match(self.leaf.line_text(line))
        return f"`{found[1]}`" if found else "this line"

    def block_key_above(self, line: int) -> str | None:
        """Return the key whose text should begin on this line, when the line before ends in `|` or `>`."""
        above = line - 1
        while above > 0 and not self.leaf.line_text(above).strip():
            above -= 1
        found = _BLOCK_START.match(self.leaf.line_text(above))
        return f"`{found[1]}`" if found else None


_BLOCK_START = re.compile(r"\s*(?:-\s+)*([A-Za-z_]\w{0,39})\s*:\s+[|>][+-]?\s*$")
_TEXT_AFTER_BAR = re.compile(r"\s*(?:-\s+)*[A-Za-z_]\w{0,39}\s*:\s+[|>](?:\s*[^\s\d#+-])")
_BRACKET_START = re.compile(r"\s*(?:-\s+)*\w+\s*:\s+[\[{]")
_KEY = re.compile(r"\s*(?:-\s+)*([A-Za-z_]\w{0,39})\s*:(?:\s|$)")
_KEY_WITHOUT_SPACE = re.compile(r"\s*(?:-\s+)*([A-Za-z_]\w{0,39}):(?=\S)")
_QUOTED_VALUE = re.compile(r"\s*(?:-\s+)*(?:\w+\s*:\s+)?(?P<quote>[\"'])")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_Explain = Callable[[_Place], Explanation | None]


def explain(problem: SyntaxProblem, leaf: Leaf) -> Explanation:
    """Return the problem in plain words, at the place where it is to be mended."""
    place = _Place(problem, leaf)
    for explainer in _EXPLAINERS:
        said = explainer(place)
        if said is not None:
            return said
    message = f"YAML cannot be read from here on ({problem.problem})."
    return Explanation(OTHER, message, place.mark)


def _control_character(place: _Place) -> Explanation | None:
    if place.problem.problem != "a character that YAML does not allow":
        return None
    text = place.leaf.text or ""
    found = _FORBIDDEN.search(text)
    if found is None:
        return Explanation(CONTROL, "A character here is not allowed in YAML.", place.mark)
    before = text[: found.start()]
    mark = Mark(before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1, found.start())
    name = unicodedata.name(found[0], "a control character")
    return Explanation(CONTROL, f"The character U+{ord(found[0]):04X} ({name}) is not allowed in YAML.", mark)


def _tab(place: _Place) -> Explanation | None:
    line = place.line
    lead = line[: len(line) - len(line.lstrip())]
    if "\t" in lead:
        column = lead.index("\t") + 1
        return Explanation(TAB, "This line is indented with a tab.", Mark(place.mark.line, column))
    if "tab character" in place.problem.problem or place.character == "\t":
        return Explanation(TAB, "A tab stands here where YAML wants spaces.", place.mark)
    return None


def _colon_in_text(place: _Place) -> Explanation | None:
    if place.problem.problem != "mapping values are not allowed in this context":
        return None
    before = place.line[: place.mark.column - 1]
    glued = _glued_key_above(place)
    if glued is not None:
        return glued
    if _KEY.match(before + " "):
        message = f"{place.key(place.mark.line)} has text after a second colon that is not in quotes."
        return Explanation(COLON, message, place.mark, quoting_helps=True)
    if place.line.lstrip().startswith(before.strip()) and _bare_key(before):
        message = "The key here is indented deeper than the line above it allows."
        return Explanation(INDENT, message, place.mark)
    message = "This text has a colon in it and is not in quotes. YAML takes the colon for the start of a value."
    return Explanation(COLON, message, place.mark)


def _bare_key(before: str) -> bool:
    return re.fullmatch(r"\s*(?:-\s+)*\w{1,40}", before) is not None


def _glued_key_above(place: _Place) -> Explanation | None:
    """`question:What` on the line above is no key; the parser stumbles over the next one."""
    for line in (place.mark.line - 1, place.mark.line):
        found = _KEY_WITHOUT_SPACE.match(place.leaf.line_text(line))
        if found and found[1] in _KNOWN_KEYS:
            return _no_space(found, line)
    return None


_KNOWN_KEYS = frozenset(
    {"version", "created_by", "task_description", "domain", "seed_examples", "context", "question", "answer"}
    | {"questions_and_answers", "document", "document_outline", "repo", "commit", "patterns"}
)


def _no_space(found: re.Match[str], line: int) -> Explanation:
    message = f"There is no space after the colon of `{found[1]}`."
    return Explanation(NO_COLON, message, Mark(line, found.end() + 1), "Write a space after the colon.")


def _missing_colon(place: _Place) -> Explanation | None:
    if place.problem.problem != "could not find expected ':'":
        return None
    line = place.start.line
    glued = _KEY_WITHOUT_SPACE.match(place.leaf.line_text(line))
    if glued and glued[1] in _KNOWN_KEYS:
        return _no_space(glued, line)
    written = place.leaf.line_text(line).strip()
    if written in _KNOWN_KEYS:
        return Explanation(NO_COLON, f"The colon after `{written}` is missing.", place.start)
    block = place.block_key_above(line)
    if block:
        message = (
            f"The text of {block} has to start further to the right than {block} itself, and here it does not."
        )
        return Explanation(INDENT, message, place.start, "Put two more spaces in front of each line of the text.")
    message = "This line is neither a key with a colon nor indented like text."
    return Explanation(NO_COLON, message, place.start)


def _special_start(place: _Place) -> Explanation | None:
    problem, context = place.problem.problem, place.problem.context
    cannot_start = problem == "found character that cannot start any token"
    marker = context in {"while scanning an alias", "while scanning an anchor", "while scanning a tag"}
    unknown_name = problem.startswith(("found undefined alias", "found undefined tag"))
    directive = context == "while scanning a directive"
    if not (cannot_start or marker or unknown_name or directive):
        return None
    character = place.character if place.character.isprintable() else ""
    named = (
        f"`{character}`" if character and character != "`" else "a backtick" if character else "a special character"
    )
    where = place.key(place.start.line)
    subject = f"The text of {where}" if where.startswith("`") else "The text here"
    message = f"{subject} starts with {named}, which means something else in YAML."
    return Explanation(SPECIAL_START, message, place.start, quoting_helps=True)


def _brackets(place: _Place) -> Explanation | None:
    if not place.problem.context.startswith("while parsing a flow"):
        if place.problem.problem != "did not find expected node content":
            return None
        message = "A value is missing here, or the text starts with a character that means something else in YAML."
        return Explanation(SPECIAL_START, message, place.mark, quoting_helps=True)
    bracket = "[" if "sequence" in place.problem.context else "{"
    return _bracket(bracket, place.start)


def _bracket(bracket: str, mark: Mark) -> Explanation:
    what = "a list" if bracket == "[" else "a group of keys"
    message = (
        f"The text starts with `{bracket}`, so YAML reads {what} from here on, which does not end as it should."
    )
    return Explanation(SPECIAL_START, message, mark, quoting_helps=True)


def _quotes(place: _Place) -> Explanation | None:
    if "quoted scalar" not in place.problem.context:
        return None
    if "escape" in place.problem.problem or "hexdecimal" in place.problem.problem:
        message = "This backslash has no meaning that YAML knows. Between double quotes it is special."
        remedy = (
            "Write the backslash twice, or use single quotes. Or write `|` after the key and the text below it."
        )
        return Explanation(QUOTE, message, place.mark, remedy)
    return Explanation(QUOTE, "The quotation mark that opens here is never closed.", place.start)


def _text_after_bar(place: _Place) -> Explanation | None:
    if place.problem.context != "while scanning a block scalar":
        return None
    message = f"{_first_up(place.key(place.start.line))} has text right after `|` or `>`."
    lines = enumerate(place.leaf.lines, 1)
    others = [str(n) for n, text in lines if n != place.start.line and _TEXT_AFTER_BAR.match(text)]
    if others:
        message += f" It looks the same on line{'s' * (len(others) > 1)} {', '.join(others[:10])}."
    return Explanation(BLOCK, message, place.mark)


def _not_in_line(place: _Place) -> Explanation | None:
    problem = place.problem.problem
    if problem == "did not find expected key" or problem.startswith("did not find expected '-'"):
        opening = _QUOTED_VALUE.match(place.line)
        if opening and place.mark.column > opening.end():
            kind = "double" if opening["quote"] == '"' else "single"
            message = (
                f"The text begins with a {kind} quotation mark and already ends at the next one, before this word."
            )
            return Explanation(QUOTE, message, place.mark)
        bracket = _BRACKET_START.match(place.line)
        if bracket and place.mark.column > bracket.end():
            return _bracket(place.line[bracket.end() - 1], Mark(place.mark.line, bracket.end()))
        message = f"This line starts at column {place.mark.column}, but nothing it could belong to starts there."
        return Explanation(INDENT, message, place.mark)
    if "are not allowed in this context" in problem:
        if place.line[: place.mark.column - 1].strip():
            message = "A list cannot start on the same line as its key."
            return Explanation(INDENT, message, place.mark, "Start the list on the next line.", quoting_helps=True)
        return Explanation(INDENT, "A list item stands here where no list is open.", place.mark)
    return None


def _first_up(text: str) -> str:
    return text[0].upper() + text[1:]


_EXPLAINERS: tuple[_Explain, ...] = (
    _control_character,
    _tab,
    _colon_in_text,
    _missing_colon,
    _special_start,
    _brackets,
    _quotes,
    _text_after_bar,
    _not_in_line,
)
