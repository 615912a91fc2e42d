"""Subjects out of files: every leaf with its documents' passages and its licences, ready to generate from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from checks import attribution_text
from checks.contribution import ChangedFile, Contribution, Leaf, attribution_path, read_contribution, text_of
from pipeline.generation import Subject
from pipeline.sdg.starts import Passage, lesson_of


@dataclass(frozen=True, slots=True)
class LeafDocuments:
    """The documents of a leaf, cut into passages, and where they come from."""

    passages: tuple[Passage, ...]
    source: Mapping[str, str] = field(default_factory=dict)  # repository, commit, digest


class LessonError(Exception):
    """Nothing can be generated from these files; the text is for their author."""


def contribution_of(files: Mapping[str, str]) -> Contribution:
    """Return the contribution that these files are: path to text."""
    return read_contribution(
        ChangedFile(path, content=text.encode("utf-8", "surrogatepass"), size=len(text))
        for path, text in files.items()
    )


def subjects_of(contribution: Contribution, documents: Mapping[str, LeafDocuments]) -> list[Subject]:
    """Return the leaves to generate from, in path order; `documents` by the path of the leaf.

    Raises LessonError when there is no leaf, a leaf has no seed example, or knowledge has no document.
    """
    subjects = [_subject(leaf, contribution, documents) for leaf in contribution.leaves]
    if not subjects:
        raise LessonError("There is no qna.yaml among the files: nothing can be generated.")
    return subjects


def _subject(leaf: Leaf, contribution: Contribution, documents: Mapping[str, LeafDocuments]) -> Subject:
    of_leaf = documents.get(leaf.path, LeafDocuments(()))
    lesson = lesson_of(leaf, of_leaf.passages)
    if not lesson.seeds:
        raise LessonError(f"{leaf.path} has no seed example with a question and an answer.")
    if leaf.is_knowledge and not lesson.passages:
        raise LessonError(f"{leaf.path} names no document that a passage could be taken from.")
    return Subject(lesson, tuple(licences_of(leaf, contribution)), dict(of_leaf.source) or None)


def licences_of(leaf: Leaf, contribution: Contribution) -> list[str]:
    """Return the licences that the leaf's attribution names, as written, each once."""
    file = contribution.file(attribution_path(leaf))
    text = text_of(file) if file is not None else None
    if text is None:
        return []
    return list(dict.fromkeys(entry.value[:200] for entry in attribution_text.read(text).licences))
