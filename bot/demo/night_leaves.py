"""The taxonomy of the nightly demo: six invented places and two skills, by twelve pull requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import yaml

from bot.demo.document_host import DocumentHost

_PAIRS = 3  # questions of a seed example
_EXAMPLES = 5  # of a leaf at first
_AUTHORS = ("ana", "ben", "cleo", "dora")
_OTHER_WAYS = ("What do people tell of the {}?", "What is known about the {}?")
_TABLES = "compositional_skills/extraction/grounded/tables/read_a_value"
_HEADLINES = "compositional_skills/writing/freeform/headlines"


@dataclass(frozen=True, slots=True)
class Contribution:
    """A pull request: who opens it, how it is called, and the files that it adds or changes."""

    author: str
    title: str
    files: Mapping[str, str]


def documents() -> dict[str, str]:
    """Return the documents of the places, by file."""
    return {f"{name.lower()}.md": _document(name, facts) for name, facts in _places().items()}


def first_contributions(host: DocumentHost, leaves: int = 8) -> list[Contribution]:
    """Return the pull requests that add a leaf each."""
    places = [
        Contribution(author, f"All about {name}", _place(name, facts, author, host))
        for (name, facts), author in zip(_places().items(), _AUTHORS * 2, strict=False)
    ]
    skills = [
        Contribution("ana", "Read a value from a table", _skill(_TABLES, _text("tables/qna.yaml"), "Ana")),
        Contribution("dora", "Write a headline", _skill(_HEADLINES, _text("night/headlines.yaml"), "Dora")),
    ]
    return [*skills[: leaves // 2], *places][:leaves]


def later_contributions(host: DocumentHost, count: int = 4) -> list[Contribution]:
    """Return the pull requests that add an example to a leaf that is there, each to another one."""
    found = []
    for (name, facts), author in list(zip(_places().items(), _AUTHORS[1:] + _AUTHORS, strict=False))[:count]:
        files = _place(name, facts, author, host, more=1)
        found.append(Contribution(author, f"One more example about {name}", _qna_alone(files)))
    return found


def next_day(host: DocumentHost) -> Contribution:
    """Return the pull request of the day after: one of the leaves changes once more."""
    name, facts = next(iter(_places().items()))
    return Contribution("cleo", f"More of {name}", _qna_alone(_place(name, facts, "cleo", host, more=2)))


def _place(
    name: str, facts: Sequence[Sequence[str]], author: str, host: DocumentHost, more: int = 0
) -> dict[str, str]:
    folder = f"knowledge/geography/invented/{name.lower()}"
    shown = [(asked, said) for _, said, asked in facts]
    shown += [(way.format(subject), said) for way in _OTHER_WAYS for subject, said, _ in facts]
    examples = []
    for at in range(0, (_EXAMPLES + more) * _PAIRS, _PAIRS):
        pairs = [{"question": asked, "answer": said} for asked, said in shown[at : at + _PAIRS]]
        context = " ".join(pair["answer"] for pair in pairs)
        examples.append({"context": context, "questions_and_answers": pairs})
    leaf = {
        "version": 3,
        "created_by": author,
        "domain": "geography",
        "seed_examples": examples,
        "document_outline": f"The invented place {name}.",
        "document": {"repo": host.url, "commit": host.commit, "patterns": [f"{name.lower()}.md"]},
    }
    return {
        f"{folder}/qna.yaml": yaml.safe_dump(leaf, sort_keys=False, width=110),
        f"{folder}/attribution.txt": _attribution(f"What is known of {name}", host.url, author.title()),
    }


def _qna_alone(files: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.endswith("qna.yaml")}


def _skill(folder: str, qna: str, author: str) -> dict[str, str]:
    said = _text("tables/attribution.txt").replace("Ana", author)
    return {f"{folder}/qna.yaml": qna, f"{folder}/attribution.txt": said}


def _document(name: str, facts: Sequence[Sequence[str]]) -> str:
    said = " ".join(said for _, said, _ in facts)
    return f"# {name}\n\n{name} is a place that was invented for practice.\n\n{said}\n"


def _attribution(title: str, link: str, creator: str) -> str:
    return (
        f"Title of work: {title}\nLink to work: {link.removesuffix('.git')}\nRevision: {link}\n"
        f"License of the work: CC0-1.0\nCreator names: {creator}\n"
    )


def _places() -> dict[str, list[list[str]]]:
    return dict(yaml.safe_load(_text("night/places.yaml")))


def _text(name: str) -> str:
    return files("bot.demo").joinpath("fixtures", *name.split("/")).read_text(encoding="utf-8")
