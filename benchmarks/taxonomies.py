"""A taxonomy repository and pull requests of the size that real ones have, made up for benchmarks."""

from __future__ import annotations

from itertools import product

from tests.checks.contributions import a_knowledge, attribution

_BRANCHES = ("animals", "astronomy", "chemistry", "geology", "history")
_TWIGS = ("basics", "europe", "asia", "methods", "people", "terms", "tools", "works")
_LEAVES = ("alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak")
_FACTS = (
    "It lives near slow rivers and feeds on small fish, which it catches by diving from a branch",
    "The nest is a tunnel in a steep bank, about a metre long, dug by both birds in early spring",
    "In hard winters many move to the coast, where the water stays open between the rocks",
    "A pair raises two broods a year, and the young leave the tunnel after some four weeks",
)


def taxonomy_files() -> dict[str, str]:
    """Return the files of the default branch: 720 leaves of two files each, about 1,500 files."""
    files = {"README.md": "# Taxonomy\n", "LICENSE": "Apache License\n"}
    for root, branch, twig, leaf in product(
        ("knowledge/science", "compositional_skills/writing"), _BRANCHES, _TWIGS, _LEAVES
    ):
        files |= leaf_files(f"{root}/{branch}/{twig}/{leaf}", "ana", leaf)
    return files


def leaf_files(folder: str, author: str, subject: str) -> dict[str, str]:
    """Return a knowledge leaf that every rule likes: a `qna.yaml` of about 6 KB and its attribution file."""
    contexts = [
        {
            "context": "".join(f"{fact}, says note {number} on the {subject}.\n" for fact in _FACTS),
            "questions_and_answers": [
                {
                    "question": f"What does note {number} say on point {point} about the {subject}?\n",
                    "answer": f"Note {number} says of the {subject}, point {point}: {_FACTS[point]}.\n",
                }
                for point in range(3)
            ],
        }
        for number in range(1, 6)
    ]
    return {
        f"{folder}/qna.yaml": a_knowledge(contexts=contexts, created_by=author),
        f"{folder}/attribution.txt": attribution(),
    }
