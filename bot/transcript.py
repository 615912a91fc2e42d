"""Writing down what was judged, as people read it: bounded, and without what was found of personal data and keys.

Personal data are hidden twice: every text is masked, and whatever stands on a line where the rules have found
some is left out as a whole, so that nothing hangs on both finding the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.readings import (
    DocumentRead,
    ExampleRead,
    FileRead,
    FindingRead,
    LeafRead,
    PairRead,
    Reading,
    Source,
    SourceState,
    Words,
)
from checks.attribution_text import lines as lines_of
from checks.contribution import Contribution, Leaf, SeedExample, attribution_path, text_of
from checks.documents import FetchedDocuments, reference_of
from checks.findings import Finding, Severity
from checks.passages import Effort, Library, Likeness
from checks.personal_data import mask
from checks.policy import Policy
from checks.readable import mapping_leaves
from checks.yaml_tree import Node, Scalar, scalars

MOST_LEAVES, MOST_EXAMPLES, MOST_PAIRS, MOST_FINDINGS, MOST_FILES = 40, 60, 20, 300, 200
_MOST_PATTERNS = 20
_LONGEST = {"context": 6000, "question": 2000, "answer": 6000, "about": 4000, "passage": 3000, "attribution": 8000}
_LONGEST_LINE = 300  # of paths, names and addresses
_LONGEST_MESSAGE = 700
_MOST_CHARACTERS = 400_000  # of all texts of a reading
_READ = 40_000  # characters of one text that are looked at: what is cut off later need not be masked

_HIDDEN = "What stands here is not shown: personal data or a key was found in it."
_NO_QUOTE = "It is said on the pull request; here it is not repeated, because personal data stand at that place."
_PRIVATE, _DOCUMENT_PRIVATE = "pii", "document-privacy"
_ONLY_NAMES = "pii/people-named"  # a guess at names, which are nearly always those of the public
_MAY_BE_PRIVATE = re.compile(r"@|\d[\d \-./()]{4,}|[\w+/=\-]{16}|-----BEGIN")


def transcribe(
    head_sha: str,
    contribution: Contribution,
    policy: Policy,
    findings: Sequence[Finding],
    masked: Sequence[Finding],
) -> Reading:
    """Return the reading of a contribution. `findings` are shown; `masked` are all that were made of it.

    Never raises on any content.
    """
    hiding = _Hiding.after(masked)
    shown, readable = (
        contribution.leaves[:MOST_LEAVES],
        {leaf.path for leaf in mapping_leaves(contribution, policy)},
    )
    effort = Effort()
    leaves = tuple(_leaf(leaf, contribution, hiding, effort, leaf.path in readable) for leaf in shown)
    return Reading(
        head_sha,
        leaves,
        told(findings, hiding),
        tuple(FileRead(hiding.line(file.path), file.status.value) for file in contribution.files[:MOST_FILES]),
        max(0, len(contribution.leaves) - MOST_LEAVES),
        max(0, len(findings) - MOST_FINDINGS),
        max(0, len(contribution.files) - MOST_FILES),
    )


def told(findings: Iterable[Finding], hiding: _Hiding) -> tuple[FindingRead, ...]:
    """Return findings as people read them, as many as are kept."""
    return tuple(_finding(finding, hiding) for finding, _ in zip(findings, range(MOST_FINDINGS), strict=False))


@dataclass
class _Hiding:
    """What is not to be shown, by path and line, and how many characters there is still room for."""

    lines: Mapping[str, frozenset[int]]
    documents: frozenset[str] = frozenset()  # of these leaves something private was found
    in_names: bool = False
    room: int = field(default=_MOST_CHARACTERS)

    @classmethod
    def after(cls, findings: Iterable[Finding]) -> _Hiding:
        """Return what the findings of a whole verdict call for."""
        lines: dict[str, set[int]] = {}
        documents, in_names = set(), False
        for finding in findings:
            if finding.rule == _DOCUMENT_PRIVATE and finding.path:
                documents.add(finding.path)
            elif finding.rule == _PRIVATE and finding.cause.id != _ONLY_NAMES:
                in_names = in_names or finding.path is None
                if finding.path is not None:
                    lines.setdefault(finding.path, set()).add(finding.line or 0)
        return cls({path: frozenset(held) for path, held in lines.items()}, frozenset(documents), in_names)

    def stands_in(self, path: str, first: int, last: int) -> bool:
        """True when something private was found on these lines."""
        return any(line == 0 or first <= line <= last for line in self.lines.get(path, ()))

    def words(self, text: str, kind: str, line: int = 0) -> Words:
        """Return a text as it is kept: masked, and cut where it is too long."""
        most = min(_LONGEST[kind], self.room)
        masked = mask(text[:_READ])
        self.room -= min(len(masked), most)
        return Words(masked[:most].rstrip(), line, is_cut=len(masked) > most or len(text) > _READ)

    def line(self, text: str) -> str:
        """Return a name or an address on one line."""
        if self.in_names and _MAY_BE_PRIVATE.search(text):
            masked = mask(text[:_READ])
            return "[hidden]" if masked == text else " ".join(masked.split())[:_LONGEST_LINE]
        return " ".join(mask(text[: 4 * _LONGEST_LINE]).split())[:_LONGEST_LINE]


def _finding(finding: Finding, hiding: _Hiding) -> FindingRead:
    path, line = finding.path or "", finding.line or 0
    is_near = bool(line) and hiding.stands_in(path, line, line) and finding.rule != _PRIVATE
    message = _NO_QUOTE if is_near else mask(finding.message[: 4 * _LONGEST_MESSAGE])[:_LONGEST_MESSAGE]
    return FindingRead(
        finding.rule,
        finding.cause.id,
        finding.cause.title,
        finding.severity.value if not finding.cause.kept_back else Severity.NOTICE.value,
        message,
        mask(finding.how_to_fix[: 4 * _LONGEST_MESSAGE])[:_LONGEST_MESSAGE],
        hiding.line(path),
        line,
        finding.cause.kept_back,
    )


def _leaf(leaf: Leaf, contribution: Contribution, hiding: _Hiding, effort: Effort, is_readable: bool) -> LeafRead:
    kept = (hiding.line(leaf.path), leaf.kind.value, leaf.file.status.value)
    attribution = _attribution(leaf, contribution, hiding)
    if not is_readable or leaf.mapping is None:
        return LeafRead(*kept, is_readable=False, attribution=attribution)
    seeds = leaf.seed_examples[:MOST_EXAMPLES]
    sources = _sources(leaf, seeds, contribution, hiding, effort)
    return LeafRead(
        *kept,
        is_readable=True,
        domain=_short(leaf, "domain", hiding),
        created_by=_short(leaf, "created_by", hiding),
        about=_about(leaf, hiding),
        document=_document(leaf, contribution, hiding),
        examples=tuple(_example(leaf, seed, source, hiding) for seed, source in zip(seeds, sources, strict=True)),
        left_out=max(0, len(leaf.seed_examples) - MOST_EXAMPLES),
        attribution=attribution,
    )


def _short(leaf: Leaf, key: str, hiding: _Hiding) -> str:
    node = leaf.mapping.get(key) if leaf.mapping else None
    if not isinstance(node, Scalar):
        return ""
    return "[hidden]" if hiding.stands_in(leaf.path, node.mark.line, node.end.line) else hiding.line(node.text)


def _about(leaf: Leaf, hiding: _Hiding) -> Words | None:
    for key in ("task_description", "document_outline"):
        node = leaf.mapping.get(key) if leaf.mapping else None
        if isinstance(node, Scalar):
            return _scalar(leaf, node, "about", hiding)
    return None


def _scalar(leaf: Leaf, node: Scalar | None, kind: str, hiding: _Hiding) -> Words | None:
    if node is None:
        return None
    if hiding.stands_in(leaf.path, node.mark.line, node.end.line):
        return Words(_HIDDEN, node.mark.line, is_hidden=True)
    return hiding.words(node.text, kind, node.mark.line)


def _example(leaf: Leaf, seed: SeedExample, source: Source | None, hiding: _Hiding) -> ExampleRead:
    context = _scalar(leaf, seed.context, "context", hiding)
    pairs = tuple(
        PairRead(
            _scalar(leaf, pair.question, "question", hiding),
            _scalar(leaf, pair.answer, "answer", hiding),
            pair.line,
            _last_line(pair.node),
        )
        for pair in seed.pairs[:MOST_PAIRS]
    )
    return ExampleRead(context, pairs, seed.line, _last_line(seed.node), source)


def _last_line(node: Node) -> int:
    """Return the last line that something of a node stands on; a block ends where the next thing begins."""
    ends = (s.end.line - (s.block and s.end.line > s.mark.line) for s in scalars(node))
    return max(ends, default=node.mark.line)


def _document(leaf: Leaf, contribution: Contribution, hiding: _Hiding) -> DocumentRead | None:
    reference = reference_of(leaf) if leaf.is_knowledge else None
    if reference is None or leaf.mapping is None:
        return None
    block = leaf.mapping.get("document")
    if block is not None and hiding.stands_in(leaf.path, block.mark.line, _last_line(block)):
        return DocumentRead("[hidden]", "", ())
    found = (contribution.documents or {}).get(leaf.path)
    because = "Nobody has looked into it yet."
    if isinstance(found, FetchedDocuments):
        because = "Not all of it could be read here, so nothing is compared with it." if found.unread else ""
    elif found is not None:
        because = hiding.line(found.message)
    patterns = tuple(hiding.line(pattern) for pattern in reference.patterns[:_MOST_PATTERNS])
    return DocumentRead(hiding.line(reference.repo), hiding.line(reference.commit), patterns, because)


def _sources(
    leaf: Leaf, seeds: Sequence[SeedExample], contribution: Contribution, hiding: _Hiding, effort: Effort
) -> list[Source | None]:
    """Return for each example where its context stands in the document; None for leaves without one."""
    if not leaf.is_knowledge:
        return [None] * len(seeds)
    unknown = Source(SourceState.UNKNOWN)
    documents = (contribution.documents or {}).get(leaf.path)
    if not isinstance(documents, FetchedDocuments) or documents.unread or not documents.files:
        return [unknown if seed.context is not None else None for seed in seeds]
    library = Library((file.path, file.content.decode("utf-8-sig", "replace")) for file in documents.files)
    is_there = [seed.context is not None and library.holds(seed.context.text) for seed in seeds]
    missing = [seed.context.text for seed, there in zip(seeds, is_there, strict=True) if seed.context and not there]
    closest = iter(library.closest(missing, effort))
    found: list[Source | None] = []
    for seed, there in zip(seeds, is_there, strict=True):
        if seed.context is None:
            found.append(None)
        elif there:
            found.append(Source(SourceState.EXACT, 100))
        else:
            found.append(_nearest(leaf, next(closest, None), hiding))
    return found


def _nearest(leaf: Leaf, likeness: Likeness | None, hiding: _Hiding) -> Source:
    if likeness is None:
        return Source(SourceState.UNKNOWN)
    if not likeness.text:
        return Source(SourceState.NOTHING)
    is_private = leaf.path in hiding.documents and _MAY_BE_PRIVATE.search(likeness.text) is not None
    passage = Words(_HIDDEN, is_hidden=True) if is_private else hiding.words(likeness.text, "passage")
    return Source(SourceState.NEAREST, likeness.percent, hiding.line(likeness.file), passage)


def _attribution(leaf: Leaf, contribution: Contribution, hiding: _Hiding) -> Words | None:
    path = attribution_path(leaf)
    file = contribution.file(path)
    text = text_of(file) if file is not None else None
    if text is None or "\0" in text:
        return None
    if any(line == 0 for line in hiding.lines.get(path, ())):
        return Words(_HIDDEN, 1, is_hidden=True)
    return hiding.words("\n".join(_open_lines(path, text, hiding)), "attribution", 1)


def _open_lines(path: str, text: str, hiding: _Hiding) -> Iterator[str]:
    """Yield the lines of a file up to the first key, which may go on over many; others that hold something hide."""
    for number, line in enumerate(lines_of(text), 1):
        if "-----BEGIN" in line:
            yield "[hidden from here on]"
            return
        yield "[hidden]" if hiding.stands_in(path, number, number) else line
