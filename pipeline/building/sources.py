"""Whose work the leaves of a build draw on: titles, links, licences, creators, as the contributors named them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checks import attribution_text
from checks.attribution_text import Field, Source
from checks.licence_names import PUBLIC_DOMAIN, read_licence
from checks.policy import default_policy
from pipeline.attribution_bundle import blob_sha
from pipeline.build_orders import OrderedLeaf
from pipeline.tasks.inputs import InputError

_LONGEST_LICENCE = 60  # characters of words that are no known licence


@dataclass(frozen=True, slots=True)
class Work:
    """A work that a leaf draws on, in the words of its attribution file: none of them needs to be harmless."""

    titles: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()  # by their standard names where they have one
    creators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeafSources:
    """What a leaf draws on. `is_own_work` where its contributors say that it is all theirs."""

    leaf: OrderedLeaf
    works: tuple[Work, ...] = ()
    is_own_work: bool = False

    @property
    def licences(self) -> tuple[str, ...]:
        """Every licence that its attribution names, each once."""
        return tuple(dict.fromkeys(name for work in self.works for name in work.licences))


def sources_of(leaf: OrderedLeaf, attribution: bytes | None) -> LeafSources:
    """Return what the attribution file of a leaf says, nothing for a leaf that has none."""
    if attribution is None:
        return LeafSources(leaf)
    text = attribution.decode("utf-8", "replace")
    if attribution_text.is_too_long(text):
        return LeafSources(leaf)  # the file itself is carried along
    said = attribution_text.read(text)
    return LeafSources(leaf, tuple(_work(source) for source in said.sources), said.own_work)


def attributions_for(
    leaves: Iterable[OrderedLeaf], sent: Mapping[str, bytes], carried: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Return the attribution file of every leaf that has one, by git blob: sent now, or carried by the last build.

    Raises InputError where one is missing: a build whose sources cannot be named is not published.
    """
    found: dict[str, bytes] = {}
    for leaf in leaves:
        sha = leaf.attribution_sha
        if not sha or sha in found:
            continue
        data = sent.get(sha, carried.get(sha))
        if data is None or blob_sha(data) != sha:
            raise InputError(
                f"The attribution of {leaf.path} ({sha[:12]}) did not come with the order, and the last good build "
                "does not carry it. Nothing is published whose sources cannot be named. An operator updates bot "
                "and workers alike, and has the step done again."
            )
        found[sha] = data
    return found


def _work(source: Source) -> Work:
    def said(wanted: Field) -> tuple[str, ...]:
        return tuple(dict.fromkeys(source.values(wanted)))

    return Work(
        said(Field.TITLE),
        said(Field.LINK),
        said(Field.REVISION),
        tuple(dict.fromkeys(_licence(value) for value in source.values(Field.LICENCE))),
        said(Field.CREATOR),
    )


def _licence(value: str) -> str:
    name = read_licence(value, default_policy().licences.allowed).name or value[:_LONGEST_LICENCE]
    return "public domain" if name == PUBLIC_DOMAIN else name
