"""What people write into attribution.txt, in the many forms they use, read into sources with fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from checks.licence_names import looks_like_licence


class Field(StrEnum):
    """What is said about a source; the value is its name in our messages."""

    TITLE = "title"
    LINK = "link"
    REVISION = "revision"
    LICENCE = "licence"
    CREATOR = "creator"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing said about a source. Line and column are those of the value, counted from 1."""

    field: Field
    value: str
    line: int
    column: int


@dataclass(slots=True)
class Source:
    """One work that the leaf draws on, with everything said about it."""

    line: int
    entries: list[Entry] = field(default_factory=list)

    def values(self, wanted: Field) -> list[str]:
        """Return what is said of one field, without words that say nothing ("unknown", "TBD")."""
        return [e.value for e in self.entries if e.field is wanted and not says_nothing(e.value)]

    def has(self, wanted: Field) -> bool:
        """True when the field is there and says something."""
        return bool(self.values(wanted))

    @property
    def is_own_work(self) -> bool:
        """True when the contributor says that nobody else made it, or that there is no link to give."""
        own = any(OWN_WORK.search(e.value) for e in self.entries)
        return own or any(e.field is Field.LINK and _NO_LINK.fullmatch(e.value) for e in self.entries)

    @property
    def is_online(self) -> bool:
        """True when a web address is given for it."""
        return any(_URL.search(value) for value in self.values(Field.LINK))

    @property
    def names_revision(self) -> bool:
        """True when its revision is named, be it inside the link."""
        return self.has(Field.REVISION) or any(_PERMANENT.search(v) for v in self.values(Field.LINK))


@dataclass(frozen=True, slots=True)
class AttributionText:
    """A whole attribution file. `own_work` means it declares that everything is the contributor's own."""

    sources: tuple[Source, ...]
    own_work: bool
    looks_like_qna: bool

    @property
    def licences(self) -> tuple[Entry, ...]:
        """Every licence named, in order."""
        return tuple(e for s in self.sources for e in s.entries if e.field is Field.LICENCE and e.value)


OWN_WORK = re.compile(
    r"\bself[\s_-]*(?:author|creat|writ|made|generat|composed|produced|contribut)\w*"
    r"|\b(?:my|our|the contributor'?s|the author'?s) own\b|\bown (?:work|words|creation|knowledge|experience)\b"
    r"|\boriginal (?:work|content|text|creation)\b"
    r"|\b(?:written|created|authored|made|composed) (?:solely |entirely )?by (?:me|myself|us|the contributor)\b"
    r"|\bno (?:external |other |outside )?sources?\b",
    re.IGNORECASE,
)
_NO_LINK = re.compile(r"[-–—.\s]+|n\.?/?a\.?|none|nil|not applicable|no link", re.IGNORECASE)
_NOTHING = re.compile(
    r"[-–—?.\s]*|n\.?/?a\.?|none|nil|null|tbd|todo|to be (?:done|filled(?: in)?|determined)|unknown"
    r"|not (?:known|applicable)|no (?:title|link|revision|creator|author)|\[.*\]|<.*>|xxx+|\.\.\.",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://|\bwww\.|\b[a-z-]+\.(?:wikipedia|wikisource|wikibooks)\.org\b", re.IGNORECASE)
_PERMANENT = re.compile(
    r"oldid=\d+|/[0-9a-f]{40}\b|\bdoi\.org/|/permalink/|\bweb\.archive\.org/web/\d", re.IGNORECASE
)
_QNA_KEYS = re.compile(r"^(?:seed_examples|task_description|document_outline)\s*:", re.MULTILINE)
_LABELS = {
    Field.LICENCE: r"licen[cs]es?(?: of (?:the )?(?:work|source|document)s?)?|licen[cs]ed under|licen[cs]ing"
    r"|(?:work|source|document|data|content) licen[cs]e|licen[cs]e (?:name|type|information)",
    Field.REVISION: r"revisions?(?: of (?:the )?work)?|versions?(?: of (?:the )?work)?|link to (?:the )?revision"
    r"|permanent link|permalink|old ?id|(?:date )?(?:accessed|retrieved)(?: on)?|(?:access|retrieval) date"
    r"|revision (?:link|url|id|number)|last (?:edited|modified|updated)",
    Field.TITLE: r"titles?(?: of (?:the )?(?:work|source|document|article|page)s?)?"
    r"|names? of (?:the )?(?:work|source)|(?:work|source|document|article|book|page) (?:title|name)|work",
    Field.LINK: r"(?:web )?links?(?: to (?:the )?(?:works?|sources?|documents?|articles?|pages?|originals?))?"
    r"|urls?|(?:work|source|document|original) (?:link|url)s?|sources?|references?|web ?(?:site|page)|link/url",
    Field.CREATOR: r"creators?(?: ?\(s\))?(?: names?(?:\(s\))?)?|names? of (?:the )?(?:creator|author)s?"
    r"|author(?:s|\(s\))?(?: names?)?|created[ _]by|authored by|written by|creator/author|attribution|publishers?"
    r"|copyright(?: holders?)?|contributors?|created by|owners?",
}
_LINE = re.compile(
    r"[\s>#*+•–-]*+(?:\d{1,3}[.)]\s++)?[*_`\"']*+\[?(?P<label>[A-Za-z][A-Za-z _/()-]{1,40}?)"
    r"\]?[*_`\"']{0,10}\s{0,10}[:=][*_]*+\s{0,40}(?P<value>.*)",
)
_LABELLED = {known: re.compile(pattern, re.IGNORECASE) for known, pattern in _LABELS.items()}
_BULLET = re.compile(r"[\s>*+•–-]*+(?:\d{1,3}[.)]\s++)?")
_LICENSED_UNDER = re.compile(r"\blicen[cs]ed under (?:the |a |an )?(?P<value>.{2,100})", re.IGNORECASE)
_LONGEST_LINE = 2000
_LINE_END = re.compile(r"\r\n|\r|\n")
MOST_CHARACTERS = 65_536
MOST_LINES = 2_000
_MAY_REPEAT = frozenset({Field.CREATOR, Field.LINK, Field.REVISION, Field.LICENCE})


def says_nothing(value: str) -> bool:
    """True for a value that is only there to fill the line."""
    return _NOTHING.fullmatch(value.strip()) is not None


def is_too_long(text: str) -> bool:
    """True for a text that is no list of sources any more; `read` is not made for it."""
    return len(text) > MOST_CHARACTERS or len(lines(text)) > MOST_LINES


def lines(text: str) -> list[str]:
    """Return the lines of an attribution file, whatever ends them; a last empty one does not count."""
    found = _LINE_END.split(text)
    return found[:-1] if not found[-1] else found


def read(text: str) -> AttributionText:
    """Return the sources of an attribution file. Never raises; unknown lines are left alone."""
    reader = _Reader()
    for number, line in enumerate(lines(text), 1):
        reader.take(number, line[:_LONGEST_LINE])
    sources = reader.sources or _from_unlabelled(reader.unlabelled)
    meant = [s for s in sources if any(e.field is not Field.CREATOR for e in s.entries)]
    own_work = OWN_WORK.search(text) is not None and not any(s.is_online for s in meant)
    return AttributionText(tuple(meant or sources), own_work, _QNA_KEYS.search(text) is not None)


class _Reader:
    """Goes through the lines once; a field that comes again begins the next source."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.unlabelled: list[tuple[int, int, str]] = []
        self._open: Field | None = None  # a label whose value may follow on the next lines
        self._after_blank = False

    def take(self, number: int, line: str) -> None:
        if not line.strip():
            self._after_blank = True
            return
        label, value, column = _labelled(line)
        if label is not None:
            source = self._source_for(label, number)
            source.entries.append(Entry(label, value, number, column))
            self._open = label if not value else None
        elif self._open is not None and self.sources:
            value, column = _bare(line)
            source = self.sources[-1]
            source.entries = [e for e in source.entries if e.field is not self._open or e.value]
            source.entries.append(Entry(self._open, value, number, column))
        else:
            self._unlabelled(number, line)
        self._after_blank = False

    def _source_for(self, label: Field, number: int) -> Source:
        current = self.sources[-1] if self.sources else None
        if current is None or self._begins_anew(current, label):
            current = Source(number)
            self.sources.append(current)
        return current

    def _begins_anew(self, current: Source, label: Field) -> bool:
        if all(e.field is not label for e in current.entries):
            return False
        repeats_at_once = current.entries[-1].field is label and not self._after_blank
        return not (repeats_at_once and label in _MAY_REPEAT)

    def _unlabelled(self, number: int, line: str) -> None:
        value, column = _bare(line)
        self.unlabelled.append((number, column, value))
        licence = _LICENSED_UNDER.search(line)
        if licence and self.sources:
            entry = Entry(Field.LICENCE, licence["value"].strip(" .\"'"), number, licence.start("value") + 1)
            self.sources[-1].entries.append(entry)


def _labelled(line: str) -> tuple[Field | None, str, int]:
    match = _LINE.match(line)
    if match is None:
        return None, "", 0
    label = re.sub(r"[\s_-]+", " ", match["label"]).strip()
    for known, pattern in _LABELLED.items():
        if pattern.fullmatch(label):
            return known, match["value"].strip().strip("*_`").strip(), match.start("value") + 1
    return None, "", 0


def _bare(line: str) -> tuple[str, int]:
    start = _bullet_end(line)
    return line[start:].strip(), start + 1


def _bullet_end(line: str) -> int:
    match = _BULLET.match(line)
    return match.end() if match else 0


def _from_unlabelled(lines: list[tuple[int, int, str]]) -> list[Source]:
    """Read lines without any label by what they look like: an address, a licence, and the rest in order."""
    source = Source(lines[0][0]) if lines else None
    if source is None or not any(_URL.search(value) or looks_like_licence(value) for _, _, value in lines):
        return []
    names = [Field.CREATOR, Field.TITLE]
    for number, column, value in lines:
        if _URL.search(value):
            kind = Field.REVISION if _PERMANENT.search(value) and source.has(Field.LINK) else Field.LINK
        elif looks_like_licence(value):
            kind = Field.LICENCE
        elif names:
            kind = names.pop(0)
        else:
            continue
        source.entries.append(Entry(kind, value, number, column))
    return [source]
