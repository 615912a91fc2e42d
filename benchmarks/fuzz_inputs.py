"""Contributions nobody would send, and many that somebody has: strategies that mutate corpus-like files.

Everything is drawn by hypothesis, which makes a failing input as small as it can.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml
from hypothesis import strategies as st

from benchmarks.corpus import read_corpus
from benchmarks.labelled_texts import read_labelled
from checks.contribution import (
    ChangedFile,
    Commit,
    Contribution,
    FileKind,
    FileStatus,
    Identity,
    Sha,
    read_contribution,
)
from checks.documents import DocumentFile, FetchedDocuments
from tests.checks.contributions import (
    GROUNDED_PATH,
    KNOWLEDGE_PATH,
    SKILL_PATH,
    a_knowledge,
    a_skill,
    as_yaml,
    attribution,
)

PATHS = (
    KNOWLEDGE_PATH,
    SKILL_PATH,
    GROUNDED_PATH,
    "foundational_skills/reasoning/qna.yaml",
    "knowledge/qna.yaml",
    "knowledge/Science Animals/Bird-Watching/qna.yml",
    "compositional_skills/../../etc/passwd",
    "knowledge/a\u202eb/qna.yaml",
    "README.md",
    ".github/taxonomy-bot.yml",
    f"{KNOWLEDGE_PATH.rpartition('/')[0]}/attribution.txt",
    f"{SKILL_PATH.rpartition('/')[0]}/attribution.txt",
)
T = TypeVar("T")
_PLACES = 1_000  # a place in a text is drawn in thousandths of it, so that it means something in every text
_MOST_BYTES = 1_200_000  # a little over the size that is read


def corpus_like() -> list[str]:
    """Return files as contributors write them, made here; the labelled texts lend them private data and keys."""
    private = [text.text for name in ("personal_data", "secrets") for text in read_labelled(name)]
    return [
        a_skill(),
        a_skill(grounded=True, seed_examples=3),
        a_skill(without=("version",), created_by="", task_description=" \n"),
        a_skill(task_description="\n".join(private[:6])),
        a_knowledge(),
        a_knowledge(contexts=2, questions=1, document={"repo": "https://github.com/a/b/blob/main/c.md"}),
        a_knowledge(document_outline=" ".join(private[6::12]), domain=None),
        a_knowledge().replace("\n", "\r\n"),
        a_skill().replace("  ", "\t", 3),
        "# As an AI language model, I wrote this.\n" + a_skill(),
        attribution(),
        attribution(licence="CC BY SA 4.0 and MIT or nothing"),
        "rules:\n  pii: off\nlimits:\n  file_bytes: 10\n",
        "|\n".join(private[::9]),
    ]


def recorded(corpus: Path) -> list[str]:
    """Return the texts of recorded pull requests, to mutate them as well."""
    return [text for pull_request in read_corpus(corpus) for _, text in pull_request.texts()]


SNIPPETS = (
    *(
        "\t",
        "  ",
        "\n",
        "\r\n",
        "\r",
        "\n\n\n\n",
        " \n",
        "\u2028",
        "\x85",
        "\x00",
        "\x0b",
        "\ufeff",
        "\u202e",
        "\u200b",
    ),
    *(
        ": ",
        "- ",
        "-",
        "? ",
        "|",
        ">-\n",
        "&a ",
        "*a",
        "<<: *a",
        "!!python/object:os.system ",
        "!!binary ",
        "%YAML 9\n",
    ),
    *(
        "---\n",
        "...\n",
        "{",
        "[",
        "]",
        "}",
        '"',
        "'",
        "#",
        "\\",
        "\\u0000",
        "\\x40",
        "~",
        "null",
        "yes",
        "0x1F",
        "1e999",
    ),
    *(
        "é",
        "ß",
        "ﬁ",
        "\ud7ff",
        "🦅",
        "\U000e0041",
        "ا",
        "क्‍ष",
        "İ",
        "ſ",
        "٣",
        "a@b.org",
        "+49 30 1234567",
        "4111 1111",
    ),
    *(
        "version: 3\n",
        "version: 1\n",
        "version: -1\n",
        "seed_examples:\n",
        "  - question: q\n    answer: a\n",
        "context: |\n",
    ),
    *(
        "YOUR_GITHUB_USERNAME",
        "As an AI language model",
        "ChatGPT",
        "write a poem about",
        "Title: x\n",
        "License: (",
    ),
    *(
        "Signed-off-by: Ana <ana@example.org>\n",
        "-----BEGIN PRIVATE KEY-----",
        "https://a:b@c",
        "eyJ.eyJ.",
        "aws key '",
    ),
)
_place = st.integers(0, _PLACES)
_snippet = st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=6))


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a text: what stands between two places goes, `instead` comes `times` times."""

    first: int
    length: int
    instead: str
    times: int
    by_line: bool

    def made(self, text: str) -> str:
        """Return the text with the change."""
        parts: Sequence[str] = text.splitlines(keepends=True) if self.by_line else text
        start = self.first * len(parts) // _PLACES
        end = min(len(parts), start + self.length)
        kept = "".join(parts[start:end]) if self.instead == "" else self.instead
        times = min(self.times, _MOST_BYTES // max(1, len(kept)))
        return "".join(parts[:start]) + kept * times + "".join(parts[end:])


_edit = st.builds(
    Edit,
    first=_place,
    length=st.integers(0, 12),
    instead=st.one_of(st.just(""), _snippet),
    times=st.sampled_from([1, 0, 2, 1, 3, 1, 0] * 12 + [40] * 4 + [400] * 3 + [3_000, 60_000]),
    by_line=st.booleans(),
)
_KEYS = (
    "version seed_examples question answer context questions_and_answers document repo commit patterns "
    "task_description created_by domain document_outline x"
)
_key = st.sampled_from([*_KEYS.split(), "", 3])
_value = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        _snippet,
        st.dates(),
        st.binary(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_key, inner, max_size=5)),
    max_leaves=12,
)


def _dumped(value: object) -> str:
    try:
        return as_yaml(value)
    except yaml.YAMLError:
        return yaml.safe_dump(str(value))


def texts(seeds: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Return a strategy for the content of a file: mutated, built of wrong values, or just bytes."""
    mutated = st.builds(_mutated, st.sampled_from(seeds), st.lists(_edit, max_size=5)).map(_encoded)
    built = st.dictionaries(_key, _value, max_size=8).map(_dumped).map(_encoded)
    other = st.one_of(st.binary(max_size=60), st.sampled_from(seeds).map(lambda t: t.encode("utf-16")))
    return _mostly((12, mutated), (6, built), (1, other))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")[:_MOST_BYTES]


def _mostly(*weighed: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """Choose among strategies by weight; the first is the simplest."""
    return st.sampled_from([one for weight, one in weighed for _ in range(weight)]).flatmap(lambda one: one)


def _mutated(seed: str, edits: Sequence[Edit]) -> str:
    for edit in edits:
        seed = edit.made(seed)
    return seed


def contributions(seeds: Sequence[str]) -> st.SearchStrategy[Facts]:
    """Return a strategy for the facts of a whole pull request."""
    path = st.sampled_from([*PATHS[:3] * 4, *PATHS])
    kind = st.sampled_from([FileKind.REGULAR] * 12 + [FileKind.SYMLINK, FileKind.SUBMODULE])
    status = st.sampled_from([FileStatus.ADDED] * 8 + list(FileStatus))
    file = st.builds(_changed, path, texts(seeds), kind, status)
    word = st.one_of(st.none(), _snippet, st.text(max_size=40))
    return st.builds(Facts, st.lists(file, min_size=1, max_size=2), st.lists(_snippet, max_size=3), word, word)


def _changed(path: str, content: bytes, kind: FileKind, status: FileStatus) -> ChangedFile:
    given = content if kind is FileKind.REGULAR and status is not FileStatus.REMOVED else None
    return ChangedFile(path, status, given, len(content), kind)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is drawn of a pull request."""

    files: list[ChangedFile]
    messages: list[str]
    said: str | None
    document: str | None

    @property
    def contribution(self) -> Contribution:
        """All of it as the rules take it."""
        files = list({file.path: file for file in self.files}.values())
        return read_contribution(
            files,
            commits=[self._commit(number, message) for number, message in enumerate(self.messages)],
            author="ana",
            tree=[*(file.path for file in files), *PATHS[:2]],
            documents=None if self.document is None else {f.path: self._documents(self.document) for f in files},
            description=self.said,
            templates=None if self.said is None else ["## What\n\n- [ ] I have read it\n"],
        )

    def _commit(self, number: int, message: str) -> Commit:
        person = Identity("Ana" if number else message, "ana@example.org")
        return Commit(Sha(f"{number:040x}"), message, person, person)

    def _documents(self, text: str) -> FetchedDocuments:
        content = (text * 30).encode("utf-8", "replace")
        file = DocumentFile("kingfisher.md", content, hashlib.sha256(content).hexdigest())
        return FetchedDocuments("https://github.com/ana/kingfisher.git", "0" * 40, (file,))
