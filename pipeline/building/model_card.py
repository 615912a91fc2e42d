"""The model card of a build: what stood in first, then what it is, how good, and whose work everything is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from checks.report.visible import visible
from pipeline.attribution_bundle import published_path
from pipeline.build_orders import OrderedLeaf
from pipeline.building.build_record import BuildRecord
from pipeline.building.sources import LeafSources, Work
from pipeline.evaluation_results import BenchmarkRow, Scale

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~$&@#!:^])")  # of Markdown, and what makes links and mentions of words
_WEB = re.compile(r"\bwww\.", re.IGNORECASE)
_LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'*+,;=%-]{1,500}")
_LICENCES = {  # by SPDX name, as model cards spell them
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
    "CC0-1.0": "cc0-1.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CDLA-Permissive-1.0": "cdla-permissive-1.0",
    "CDLA-Permissive-2.0": "cdla-permissive-2.0",
}
_LOADING = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "."  # where this file lies
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True)
chat = [{"role": "user", "content": "Where do otters sleep?"}]
prompt = tokenizer.apply_chat_template(
    chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = model.generate(**prompt, max_new_tokens=256)
print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))
"""
_LONGEST = 300  # characters of one thing that somebody wrote
_NOT_A_SLUG = re.compile(r"[^a-z0-9.-]+")


def card_of(record: BuildRecord) -> str:
    """Return the card as Markdown with a YAML header. What people wrote shows as they wrote it and does nothing."""
    return "\n".join([*_header(record), *_beginning(record), *_scores(record), *_contributions(record), ""])


def escaped(text: str) -> str:
    """Return somebody's words as Markdown that shows them, on one line, without any effect."""
    words = " ".join(visible(" ".join(text.split())).split())
    words = words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
    return _WEB.sub(lambda found: found[0].replace(".", "\\."), _SPECIAL.sub(r"\\\1", words))


def _header(record: BuildRecord) -> Iterator[str]:
    said = {
        **_licence(record.licences),
        "base_model": _slug(record.student.name, "base-model"),
        "datasets": [f"taxonomy-{record.order.commit[:12]}"],
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["taxonomy-bot", "instruction-tuned", "synthetic-data"],
    }
    yield "---"
    yield yaml.safe_dump(said, sort_keys=True, allow_unicode=False).rstrip()
    yield "---"


def _licence(names: tuple[str, ...]) -> dict[str, str]:
    """Return the header's words for the licence: of several, all their names and where they are told."""
    if len(names) == 1 and names[0] in _LICENCES:
        return {"license": _LICENCES[names[0]]}
    words = "-and-".join(_LICENCES.get(name) or _slug(name, "other") for name in names) or "unstated"
    return {"license": "other", "license_name": words[:100], "license_link": "README.md"}


def _slug(text: str, without: str) -> str:
    return _NOT_A_SLUG.sub("-", text.lower()).strip("-.")[:96] or without


def _beginning(record: BuildRecord) -> Iterator[str]:
    order, gate = record.order, record.gate
    if gate.stands_in:
        yield f"> **Numbers of a stand-in** ({escaped(gate.stands_in)}): they say nothing about a real model.\n"
    yield f"# Build {escaped(order.build)}\n"
    yield (
        f"A language model that people taught by pull request: {escaped(record.student.name)} "
        f"(`{record.student.sha256[:12]}`), trained on synthetic data of {len(record.sources):,} leaves of the "
        f"taxonomy at commit `{order.commit[:12]}`.\n"
    )
    yield "## How to load it\n"
    yield f"```python\n{_LOADING}```\n"
    yield (
        "Weights are safetensors only, and no code comes with them. `manifest.json` names every input and every "
        "file with its hash.\n"
    )


def _scores(record: BuildRecord) -> Iterator[str]:
    gate = record.gate
    yield "## How good it is\n"
    for comparison in gate.comparisons:
        yield f"Against {escaped(comparison.against)}, on the same questions:\n"
        yield "| benchmark | before | now | difference (95 % interval) | questions | |"
        yield "|---|---|---|---|---|---|"
        yield from (_row(row) for row in comparison.rows)
        yield ""
    if gate.contributions:
        yield "On the questions of each contribution:\n"
        yield "| pull request | benchmark | before | now | difference (95 % interval) | questions | |"
        yield "|---|---|---|---|---|---|---|"
        yield from (f"| {escaped(f'#{each.number}')} {_row(each.benchmark)}" for each in gate.contributions)
        yield ""
    if gate.noise:
        known = ", ".join(f"{escaped(name)} {spread:.4f}" for name, spread in sorted(gate.noise.items()))
        yield f"By chance alone (another seed) a score moves by a standard deviation of: {known}.\n"
    yield from (f"- {escaped(remark)}" for remark in gate.remarks)


def _row(row: BenchmarkRow) -> str:
    digits = 3 if row.scale is Scale.ACCURACY else 2
    shots = f", {row.shots}-shot" if row.shots else ""
    change = f"{row.delta:+.{digits}f} ({row.low:+.{digits}f} to {row.high:+.{digits}f})"
    note = f"; {escaped(row.note)}" if row.note else ""
    return (
        f"| {escaped(row.name)}{shots} | {row.base:.{digits}f} | {row.tuned:.{digits}f} | {change} | {row.n} "
        f"| {row.verdict.value}{note} |"
    )


def _contributions(record: BuildRecord) -> Iterator[str]:
    yield "\n## Whose work it is\n"
    yield (
        "Each leaf below was contributed by the people named, under the terms named; the attribution files as they "
        "wrote them are in `attribution/`. The model is trained on text that a teacher model wrote from them.\n"
    )
    named = ", ".join(map(escaped, record.licences)) or "none"
    yield f"Licences named by the leaves: {named}. The base model has terms of its own.\n"
    for each in record.sources:
        yield f"### {escaped(each.leaf.path)}\n"
        yield from _leaf(each)
        yield ""
    if record.left_out:
        yield "## Left out\n"
        yield from (f"- {escaped(path)}: {escaped(why)}" for path, why in record.left_out.items())


def _leaf(each: LeafSources) -> Iterator[str]:
    yield f"- {_brought(each.leaf)}"
    if each.is_own_work:
        yield "- Its contributors say that it is all their own work."
    for work in each.works:
        yield from (f"- {line}" for line in _work(work))
    if each.leaf.attribution_sha:
        yield f"- As they wrote it: [{each.leaf.attribution_sha[:12]}]({published_path(each.leaf.attribution_sha)})"
    else:
        yield "- It has no attribution file."


def _brought(leaf: OrderedLeaf) -> str:
    people = ", ".join(map(escaped, leaf.authors)) or "nobody who is known"
    pulls = ", ".join(escaped(f"#{number}") for number in leaf.pulls)
    return f"Contributed by {people}" + (f" in {pulls}" if pulls else "")


def _work(work: Work) -> Iterator[str]:
    parts = (
        ("Title", work.titles),
        ("Link", work.links),
        ("Revision", work.revisions),
        ("Licence", work.licences),
        ("Creator", work.creators),
    )
    said = [f"{name}: {', '.join(map(_linked, values))}" for name, values in parts if values]
    if said:
        yield "; ".join(said)


def _linked(value: str) -> str:
    """Return a value, as a link where it is nothing but a plain web address."""
    return f"<{value}>" if _LINK.fullmatch(value) else escaped(value)
