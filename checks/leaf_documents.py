"""Which documents the leaves of a contribution name, and how all of them are asked for at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from checks.contribution import Leaf
from checks.document_refusals import DocumentRefusal
from checks.documents import DocumentReference, FetchedDocuments, reference_of

MOST_TEXT_BYTES = 4 * 2**20  # of the documents of one contribution that rules look into
_AT_ONCE = 4
_LONGEST = 2000
_TEMPLATE = re.compile(
    r"YOUR_(?:COMMIT_SHA|GITHUB_REPO|DOCUMENT_REPO|GITHUB_USERNAME)|^<\s*(?:multi-?line )?string\s*>$",
    re.IGNORECASE,
)

Found = FetchedDocuments | DocumentRefusal


def is_filled_in(text: str) -> bool:
    """True for text that is neither empty nor a placeholder."""
    return bool(text.strip()) and not _TEMPLATE.search(text[:_LONGEST])


def references_of(leaves: Iterable[Leaf]) -> dict[str, DocumentReference]:
    """Return what the knowledge leaves name, by their paths; one that has not been filled in is left out."""
    found: dict[str, DocumentReference] = {}
    for leaf in leaves:
        reference = reference_of(leaf) if leaf.is_knowledge else None
        if reference is not None and reference.patterns:
            said = (reference.repo, reference.commit, *reference.patterns)
            if all(is_filled_in(text) for text in said):
                found[leaf.path] = reference
    return found


def fetch_all(
    references: Mapping[str, DocumentReference], fetch: Callable[[DocumentReference], Found]
) -> dict[str, Found]:
    """Return what each path's reference leads to; each reference is fetched once, a few at a time."""
    different = list(dict.fromkeys(references.values()))
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="documents") as threads:
        found = dict(zip(different, threads.map(fetch, different), strict=True))
    return for_rules({path: found[reference] for path, reference in references.items()})


def for_rules(found: Mapping[str, Found]) -> dict[str, Found]:
    """Return the same with only what rules can look into, in all at most MOST_TEXT_BYTES."""
    left = MOST_TEXT_BYTES
    taken: dict[str, Found] = {}
    for path in sorted(found):
        one = found[path]
        if isinstance(one, FetchedDocuments):
            one = one.readable_part(left)
            left -= one.total_bytes
        taken[path] = one
    return taken
