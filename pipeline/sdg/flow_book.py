"""Writes docs/flows.md, our flows and the blocks there are, from the code that runs them.

`python -m pipeline.sdg.flow_book --write` renews it; without `--write` it says whether it is stale, with status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

from pipeline.sdg.blocks import Block, all_blocks
from pipeline.sdg.flow import Flow, Start, flow_names, given_texts, read_flow

PAGE = Path(__file__).parents[2] / "docs" / "flows.md"
_MADE = "<!-- Made by `make docs` from the code; do not edit by hand. -->"
_INTRO = (
    "What [synthetic data](generation.md) is made by. A flow is a YAML file: rows go through its blocks from the "
    "first to the last, and what comes out becomes samples or questions. How to write one of your own stands "
    "[there](generation.md#a-flow-of-your-own)."
)
_COMMON = {"name", "block", "because"}
_BEGINS = {
    Start.SEEDS: "each seed example",
    Start.CHUNKS: "each passage of the document with each seed example",
    Start.PASSAGES: "each passage of the document",
}


def page() -> str:
    """Return docs/flows.md."""
    flows = [_flow(read_flow(name)) for name in flow_names()]
    blocks = [_block(kind) for _, kind in sorted(all_blocks().items())]
    every = (
        "Every block has a `name`, its `block`, and may have `because`: in which words a dropped row is counted."
    )
    parts = ["# Flows and blocks", _MADE, _INTRO, "## Flows", *flows, "## Blocks", every, *blocks, _starts()]
    return "\n\n".join(parts) + "\n"


def _flow(flow: Flow) -> str:
    begins = f"Begins with {_BEGINS[flow.start]} (`start: {flow.start}`)"
    of_what = "in all" if flow.start is Start.PASSAGES else "of each seed example"
    head = f"{flow.about} {begins}; keeps at most {flow.samples_per_seed} {flow.makes} {of_what}."
    rows = ["| step | block | does |", "|---|---|---|"]
    rows += [f"| {block.name} | [`{block.block}`](#{block.block}) | {_does(block)} |" for block in flow.blocks]
    return "\n".join([f"### `{flow.name}`", "", head, "", *rows])


def _does(block: Block) -> str:
    """Return the settings of a block that are not the usual ones, as its file has them."""
    said = []
    for name, field in type(block).model_fields.items():
        value = getattr(block, name)
        if name in ("name", "block") or value == field.default:
            continue
        shown = ", ".join(value) if isinstance(value, tuple) else _shown(value)
        said.append(f"{name}: {shown}".replace("|", "\\|"))
    return "; ".join(said)


def _block(kind: type[Block]) -> str:
    fields = {name: said for name, said in _properties(kind) if name not in _COMMON}
    rows = [
        "| key | default | may be |",
        "|---|---|---|",
        *(_key(kind, name, said) for name, said in fields.items()),
    ]
    return "\n".join([f"### `{kind.KIND}`", "", cleandoc(kind.__doc__ or ""), "", *rows])


def _properties(kind: type[Block]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from kind.model_json_schema()["properties"].items()


def _key(kind: type[Block], name: str, said: dict[str, Any]) -> str:
    field = kind.model_fields[name]
    default = "needed" if field.is_required() else f"`{_shown(field.default)}`"
    return f"| `{name}` | {default} | {_may_be(said)} |"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "none"
    return {"": '""', (): "[]"}.get(value, repr(value).strip("'")).replace("\n", "\\n")


def _may_be(said: dict[str, Any]) -> str:
    said = next((each for each in said.get("anyOf", ()) if each.get("type") != "null"), said)
    least, most = said.get("minimum"), said.get("maximum")
    if said["type"] == "array":
        return "a list of words" if said.get("items", {}).get("type") == "string" else "a list"
    if said["type"] == "boolean":
        return "true or false"
    if said["type"] == "string":
        return "a text"
    if least is not None and most is not None:
        return f"{least:g} to {most:g}"
    return f"at least {least:g}" if least is not None else "a number"


def _starts() -> str:
    rows = ["| `start` | rows | their texts |", "|---|---|---|"]
    rows += [f"| `{each}` | {_BEGINS[each]} | {', '.join(sorted(given_texts(each)))} |" for each in Start]
    return "\n".join(["## Where a flow begins", "", *rows])


def main(arguments: list[str]) -> int:
    """Write the page, or say that it is stale."""
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    if "--write" in arguments:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    sys.stderr.write("docs/flows.md is stale: run `make docs`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
