"""What came of a generate job: its yield leaf by leaf, why others were dropped, and some samples to look at."""

from __future__ import annotations

from collections.abc import Iterator

from bot.comments.escape import block, code, escape, short
from pipeline.results import GenerateResult, LeafYield, ShownSample

_MOST_REASONS, _MOST_LEAVES, _MOST_SAMPLES = 6, 50, 10
_LONGEST_TEXT, _LONGEST_REASON, _LONGEST_PATH = 600, 140, 160


def generate_title(result: GenerateResult) -> str:
    """Return the yield in a few words."""
    kept, written = sum(leaf.kept for leaf in result.leaves), sum(leaf.candidates for leaf in result.leaves)
    few = f", too few from {len(result.too_few)} of {len(result.leaves)}" if result.too_few else ""
    return f"{kept} samples kept of {written}{few}"


def generate_report(result: GenerateResult, most_bytes: int) -> str:
    """Return the yield as Markdown, escaped; samples and steps are left out where they do not fit."""
    parts = [_head(result), _yields(result)]
    room = most_bytes - len("\n\n".join(parts).encode())
    for folded in (_samples(result.samples), _steps(result)):
        room -= len(folded.encode()) + 2
        if folded and room > 0:
            parts.append(folded)
    return "\n\n".join(parts)


def _head(result: GenerateResult) -> str:
    said = [
        f"{code(short(result.teacher, 100))} wrote them; a sample is kept when every step lets it through. "
        "Machines made and judged them: look at some before you rely on them."
    ]
    if result.is_old:
        said.append("Nothing was asked anew: all answers were there from an earlier run.")
    return "\n\n".join(said)


def _yields(result: GenerateResult) -> str:
    lines = ["| leaf | written | kept | why others were dropped |", "|---|---:|---:|---|"]
    lines += [_yield(leaf) for leaf in result.leaves[:_MOST_LEAVES]]
    more = len(result.leaves) - _MOST_LEAVES
    if more > 0:
        lines.append(f"| … and {more} more leaves | | | the whole result is among the files |")
    return "\n".join(lines)


def _yield(leaf: LeafYield) -> str:
    reasons = list(leaf.dropped.items())
    said = [f"{count} × {escape(short(reason, _LONGEST_REASON))}" for reason, count in reasons[:_MOST_REASONS]]
    if rest := sum(count for _, count in reasons[_MOST_REASONS:]):
        said.append(f"{rest} × for other reasons")
    notes = [f"{leaf.held_back} of {leaf.seeds} seed examples are held back to test with"] if leaf.held_back else []
    if leaf.questions:
        notes.append(f"{leaf.questions} multiple choice questions were made to measure with")
    extra = f"<br><sub>{'; '.join(notes)}</sub>" if notes else ""
    return (
        f"| {code(short(leaf.path, _LONGEST_PATH))}{extra} | {leaf.candidates} | **{leaf.kept}** "
        f"| {'<br>'.join(said) or 'none was'} |"
    )


def _samples(samples: tuple[ShownSample, ...]) -> str:
    shown = samples[:_MOST_SAMPLES]
    if not shown:
        return ""
    body = "\n\n".join(
        f"**{number}.** Question:\n\n{block(short(sample.question, _LONGEST_TEXT), 'text')}\n\nAnswer:\n\n"
        f"{block(short(sample.answer, _LONGEST_TEXT), 'text')}"
        for number, sample in enumerate(shown, start=1)
    )
    return (
        f"<details>\n<summary>{_counted(len(shown))} as the model will see them</summary>\n\n{body}\n\n</details>"
    )


def _steps(result: GenerateResult) -> str:
    rows = list(_step_rows(result))
    if not rows:
        return ""
    table = "\n".join(
        (
            "| leaf | step | in | kept | dropped | asked again | requests | tokens |",
            "|---|---|---:|---:|---:|---:|---:|---:|",
            *rows,
        )
    )
    return f"<details>\n<summary>Every step</summary>\n\n{table}\n\n</details>"


def _step_rows(result: GenerateResult) -> Iterator[str]:
    for leaf in result.leaves[:_MOST_LEAVES]:
        for step in (*leaf.blocks, *leaf.measuring):
            cells = (
                code(short(leaf.path.rpartition("/")[0].rpartition("/")[2], 40)),
                escape(short(f"{step.flow}: {step.block}", 80)),
                step.rows_in,
                step.kept,
                sum(step.dropped.values()),
                step.asked_again,
                step.requests,
                step.tokens,
            )
            yield f"| {' | '.join(map(str, cells))} |"


def _counted(count: int) -> str:
    return "One sample" if count == 1 else f"{count} samples"
