"""Builders of contributions for the rule tests: good by default, bad only where a test says so.

`a_skill()` and `a_knowledge()` return the text of a `qna.yaml` that every rule likes. Give a keyword to
replace one top-level value, or `without=("domain",)` to leave keys out. `contribution_of` turns texts or
bytes into a `Contribution`, and `findings_of` asks one rule about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from checks.contribution import ChangedFile, Contribution, FileKind, FileStatus, read_contribution
from checks.findings import Finding
from checks.policy import Policy, default_policy
from checks.registry import get_rule

SKILL_PATH = "compositional_skills/writing/freeform/rewrite/shorten/qna.yaml"
GROUNDED_PATH = "compositional_skills/extraction/grounded/tables/read_rows/qna.yaml"
KNOWLEDGE_PATH = "knowledge/science/animals/birds/kingfisher/qna.yaml"
REPO = "https://github.com/ana/kingfisher.git"
COMMIT = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"

_SUBJECTS = (
    "the heron",
    "the wren",
    "the barn owl",
    "the swift",
    "the robin",
    "the crane",
    "the lapwing",
    "the teal",
)


class _Writer(yaml.SafeDumper):
    """Writes lists indented under their key, as the taxonomy's own files do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml(data: Any) -> str:
    """Return the data as YAML text, keys in the order given."""
    return yaml.dump(data, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=10_000)


def a_skill(
    *,
    seed_examples: int | Sequence[Any] = 5,
    grounded: bool = False,
    without: Iterable[str] = (),
    **keys: Any,
) -> str:
    """Return the text of a skill; `seed_examples` is how many, or the list itself."""
    seeds = _skill_seeds(seed_examples, grounded) if isinstance(seed_examples, int) else list(seed_examples)
    data: dict[str, Any] = {
        "version": 3,
        "task_description": "Shorten a sentence and keep what it says.",
        "created_by": "ana",
        "seed_examples": seeds,
    }
    return as_yaml(_changed(data, keys, without))


def a_knowledge(
    *,
    contexts: int | Sequence[Any] = 5,
    questions: int = 3,
    without: Iterable[str] = (),
    **keys: Any,
) -> str:
    """Return the text of a knowledge leaf; `contexts` is how many seed examples, or the list itself."""
    seeds = _knowledge_seeds(contexts, questions) if isinstance(contexts, int) else list(contexts)
    data: dict[str, Any] = {
        "version": 3,
        "domain": "ornithology",
        "created_by": "ana",
        "seed_examples": seeds,
        "document_outline": "What the kingfisher eats, where it nests and how it fishes.",
        "document": {"repo": REPO, "commit": COMMIT, "patterns": ["kingfisher.md"]},
    }
    return as_yaml(_changed(data, keys, without))


def attribution(*, licence: str = "CC-BY-SA-4.0") -> str:
    """Return the text of a complete attribution file."""
    return (
        "Title of work: Kingfisher\n"
        "Link to work: https://en.wikipedia.org/wiki/Kingfisher\n"
        "Revision: https://en.wikipedia.org/w/index.php?title=Kingfisher&oldid=1231231231\n"
        f"License of the work: {licence}\n"
        "Creator names: Wikipedia authors\n"
    )


def a_file(
    path: str,
    content: str | bytes | None = b"",
    *,
    status: FileStatus = FileStatus.ADDED,
    kind: FileKind = FileKind.REGULAR,
    size: int | None = None,
) -> ChangedFile:
    """Return one changed file; text is taken as UTF-8, `None` as content that was not read."""
    raw = content.encode() if isinstance(content, str) else content
    return ChangedFile(path, status, raw, len(raw or b"") if size is None else size, kind)


def contribution_of(*files: ChangedFile | tuple[str, str | bytes], **facts: Any) -> Contribution:
    """Read a contribution from files, each a `ChangedFile` or a (path, text) pair."""
    return read_contribution((f if isinstance(f, ChangedFile) else a_file(*f) for f in files), **facts)


def skill_of(text: str | bytes, path: str = SKILL_PATH) -> Contribution:
    """Return a contribution of one skill leaf with its attribution file."""
    return _leaf_of(text, path)


def knowledge_of(text: str | bytes, path: str = KNOWLEDGE_PATH) -> Contribution:
    """Return a contribution of one knowledge leaf with its attribution file."""
    return _leaf_of(text, path)


def findings_of(rule_id: str, contribution: Contribution, policy: Policy | None = None) -> list[Finding]:
    """Return what one rule finds, ordered by place."""
    found = get_rule(rule_id).find(contribution, policy or default_policy())
    return sorted(found, key=lambda f: (f.path or "", f.line or 0, f.column or 0))


def causes(findings: Iterable[Finding]) -> list[str]:
    """Return the cause ids of findings, in order."""
    return [f.cause.id for f in findings]


def _leaf_of(text: str | bytes, path: str) -> Contribution:
    folder = path.rpartition("/")[0]
    return contribution_of((path, text), (f"{folder}/attribution.txt", attribution()))


def _changed(data: dict[str, Any], keys: Mapping[str, Any], without: Iterable[str]) -> dict[str, Any]:
    dropped = set(without)
    return {key: value for key, value in {**data, **keys}.items() if key not in dropped}


def _subject(number: int) -> str:
    name = _SUBJECTS[number % len(_SUBJECTS)]
    return name if number < len(_SUBJECTS) else f"{name} of valley {number // len(_SUBJECTS)}"


def _skill_seeds(count: int, grounded: bool) -> list[dict[str, str]]:
    seeds = []
    for number in range(count):
        subject = _subject(number)
        seed = {"context": f"A page of field notes says that {subject} was seen at dawn.\n"} if grounded else {}
        seed |= {
            "question": f"Shorten this sentence, please. It was {subject} that we saw near the old mill.\n",
            "answer": f"We saw {subject} near the old mill.\n",
        }
        seeds.append(seed)
    return seeds


def _knowledge_seeds(count: int, questions: int) -> list[dict[str, Any]]:
    return [
        {
            "context": f"Near the river lives {_subject(number)}, which feeds on small fish.\n",
            "questions_and_answers": [
                {
                    "question": f"What is fact {n + 1} about {_subject(number)}?\n",
                    "answer": f"Fact {n + 1} about {_subject(number)} is that it feeds on small fish.\n",
                }
                for n in range(questions)
            ],
        }
        for number in range(count)
    ]
