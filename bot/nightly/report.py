"""The report of a build, as Markdown for an issue: what to do first, then why, then everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.comments.escape import block, code, escape, prose, short, visible
from bot.nightly.blame import Blame, Suspect
from bot.nightly.build_view import BuildView, Failure, StageView
from bot.nightly.judgement import Call, judgement
from bot.nightly.leaves import LeafChange
from bot.nightly.measures import change, duration
from bot.nightly.report_parts import LONGEST_NOTE, cut_off, fitted, folded, leaf_name, pull_link, pull_links
from bot.nightly.report_scores import answers, contributions, scores, trend

MOST_CHARACTERS = 60_000  # GitHub takes 65,536, and a marker stands before it
_MOST_TITLE = 200
_MOST_PULLS, _MOST_REMARKS, _MOST_HISTORY = 40, 20, 14
_LEAVES_ROOM, _LEFT_OUT_ROOM, _SUSPECTS_ROOM = 12_000, 8_000, 5_000  # characters that a list may take
_EMOJI = {Call.SHIP: "🟢", Call.DO_NOT_SHIP: "🔴", Call.YOUR_CALL: "🟡", Call.UNFINISHED: "⏳"}


def report_title(view: BuildView) -> str:
    """Return the report's title, one plain line: the call, the build, the reason."""
    found = judgement(view)
    return short(f"{found.call}: nightly build {view.name}, {visible(found.reason)}", _MOST_TITLE)


def report(view: BuildView, most: int = MOST_CHARACTERS) -> str:
    """Return the report as Markdown of at most so many characters; what does not fit is counted."""
    parts: list[str] = []
    room = most
    for part in _parts(view):
        if len(part) + 2 > room - 400:  # for the last line
            parts.append(cut_off(view))
            break
        parts.append(part)
        room -= len(part) + 2
    return "\n\n".join(parts) + "\n"


def decision(view: BuildView, called: str) -> str:
    """Return the short comment that asks for a decision. `called` are those who decide: a team, or a role."""
    found = judgement(view)
    parts = [f"{_EMOJI[found.call]} **{found.call}: {prose(found.reason)}**"]
    parts += [_stand_ins(view)] if view.stands_in else []
    parts.append(f"Nightly build {code(view.name)}: it is for {called} to decide.")
    parts.append(f"{block(found.command, 'sh')}\n{prose(found.effect)}")
    parts.append("The whole report stands above, in the text of this issue.")
    return "\n\n".join(parts) + "\n"


def alarm(text: str, called: str) -> str:
    """Return the comment that says what is late. `called` are those who can help."""
    return (
        f"⏰ **A nightly build is late.** {prose(text)}\n\nIt is for {called} to look: "
        "`taxonomy-bot nightly status` shows how the builds stand, and the bot's log says why. I say this once a "
        "day.\n"
    )


def in_chat(view: BuildView, repository: str) -> str:
    """Return the word in the operators' chat, as plain text."""
    found = judgement(view)
    stand_ins = f" (numbers of stand-ins: {short(view.stands_in, LONGEST_NOTE)})" if view.stands_in else ""
    lines = [f"{found.call}: nightly build {view.name} of {repository}{stand_ins}", f"{found.reason}."]
    lines += [f"To type: {found.command}"] if found.command else []
    return "\n".join(lines)


def _parts(view: BuildView) -> Iterator[str]:
    """Yield the sections, what matters most first."""
    yield from _head(view)
    if view.failure is not None and view.failure.step:
        yield _failure(view.failure)
    if view.blame is not None:
        yield _suspects(view.blame, view.quarantined)
    yield from scores(view)
    yield from contributions(view)
    yield from _what_went_in(view)
    if view.left_out or view.plan.left_out_pulls:
        yield _left_out(view)
    if view.gate is not None:
        yield from answers("The largest gains", view.gate.gains)
        yield from answers("The largest losses", view.gate.losses)
    if view.remarks:
        lines = [f"- {escape(short(remark, LONGEST_NOTE))}" for remark in view.remarks]
        yield "\n".join(("### Remarks of the workers", "", *fitted(lines, 6_000, _MOST_REMARKS)))
    yield from trend(view)
    if view.stages:
        yield _time(view.stages, view)
    if view.past:
        yield _history(view)


def _head(view: BuildView) -> Iterator[str]:
    found = judgement(view)
    yield f"## {_EMOJI[found.call]} {found.call}: {prose(found.reason)}"
    if view.stands_in:
        yield _stand_ins(view)
    effect = prose(found.effect)
    if found.command:
        yield f"{block(found.command, 'sh')}\n{effect}"
    elif effect:
        yield effect
    if found.also:
        yield "\n".join(("Also to weigh:", *(f"- {prose(short(line, LONGEST_NOTE))}" for line in found.also)))
    yield _in_a_line(view)
    if view.addresses.page:
        yield f"[The whole report]({view.addresses.page})"


def _stand_ins(view: BuildView) -> str:
    return (
        f"> All numbers here are of stand-ins ({escape(short(view.stands_in, LONGEST_NOTE))}): they show that "
        "everything works together, and nothing about a real model."
    )


def _in_a_line(view: BuildView) -> str:
    build = view.build
    told = [f"Build {code(view.name)} of commit {code(build.commit[:7])}"]
    if build.began_at is not None and build.ended_at is not None:
        told.append(f"took {duration((build.ended_at - build.began_at).total_seconds())}")
    elif build.began_at is not None:
        told.append(f"has been running since {build.began_at:%H:%M} UTC")
    if view.stages:
        told.append(f"{view.gpu_h:.1f} GPU hours")
    counts = [f"{view.plan.count(kind):,} {kind.value}" for kind in LeafChange]
    leaves = f"Leaves: {', '.join(counts)}, {view.plan.unchanged:,} as before"
    cached = f"; the data of {view.from_cache:,} were there already" if view.from_cache else ""
    samples = f"; {view.samples:,} samples" if view.samples else ""
    return f"{', '.join(told)}. {leaves}{cached}{samples}. From {len(view.included_pulls):,} pull requests."


def _failure(failure: Failure) -> str:
    job = f" (job {failure.job_id})" if failure.job_id else ""
    said = short(failure.message, LONGEST_NOTE)
    words = f" Its worker says:\n\n{block(said, 'text')}" if said else ""
    return f"### Where it ended\n\nThe step {code(short(failure.step, 200))}{job} came to nothing.{words}"


def _suspects(found: Blame, quarantined: frozenset[str]) -> str:
    if not found.is_over and not found.suspects:
        return f"### Who is to blame\n\nThat is being found out. {prose(short(found.why, LONGEST_NOTE))}"
    lines = [f"### What is suspected\n\n{prose(short(found.why, LONGEST_NOTE))}".rstrip()]
    if found.suspects:
        lines += ["", *fitted([_suspect(each, quarantined) for each in found.suspects], _SUSPECTS_ROOM), ""]
        lines.append("A suspicion is a measurement, no verdict on an author: look at the leaf before you judge.")
    return "\n".join(lines)


def _suspect(found: Suspect, quarantined: frozenset[str]) -> str:
    leaves = ", ".join(leaf_name(path) for path in found.leaves[:5])
    leaves += f" and {len(found.leaves) - 5} more" if len(found.leaves) > 5 else ""
    if found.pulls:
        leaves = f"{pull_links(found.pulls[:10])}: {leaves}"
    sure = "" if found.is_sure else " It is one of these, or several."
    held = " Kept out of the next builds." if quarantined.intersection(found.leaves) else ""
    return (
        f"- {leaves}<br>Without it {escape(short(found.benchmark, 80))} comes to {found.score_without:.3f}, "
        f"with it to {found.score_with:.3f} ({change(found.recovery, 3)}; by chance ± {2 * found.noise:.3f})."
        f"{sure}{held}"
    )


def _what_went_in(view: BuildView) -> Iterator[str]:
    inside = set(view.included_pulls)
    out = {leaf.path for leaf in view.left_out}
    pulls = [
        f"{pull_link(pull.number)} by {code(short(pull.author, 60))}"
        for pull in view.plan.pulls
        if pull.number in inside
    ]
    if pulls:
        more = f" and {len(pulls) - _MOST_PULLS:,} more" if len(pulls) > _MOST_PULLS else ""
        yield f"### What went in\n\n{', '.join(pulls[:_MOST_PULLS])}{more}."
    rows = [
        f"| {leaf.change.value} | {leaf_name(leaf.path)} | {pull_links(leaf.pulls[:5])} |"
        for leaf in view.plan.leaves
        if leaf.path not in out
    ]
    if rows:
        table = "\n".join(("| | leaf | from |", "|---|---|---|", *fitted(rows, _LEAVES_ROOM)))
        yield folded(f"{len(rows):,} leaves that are new, changed or removed", table)


def _left_out(view: BuildView) -> str:
    rows = [
        f"- {leaf_name(leaf.path)} {pull_links(leaf.pulls[:5])}: {escape(short(leaf.reason, LONGEST_NOTE))}"
        + (" **It failed in this build.**" if leaf.is_unforeseen else "")
        for leaf in sorted(view.left_out, key=lambda leaf: (not leaf.is_unforeseen, leaf.path))
    ]
    rows += [
        f"- {pull_link(pull.number)} by {code(short(pull.author, 60))}: {escape(short(pull.reason, LONGEST_NOTE))}"
        for pull in view.plan.left_out_pulls
    ]
    return "\n".join(("### What was left out", "", *fitted(rows, _LEFT_OUT_ROOM)))


def _time(stages: Sequence[StageView], view: BuildView) -> str:
    lines = ["| stage | steps | took | GPU hours |", "|---|---:|---:|---:|"]
    for each in stages:
        failed = f", {each.failed} failed" if each.failed else ""
        going = f", {each.going} to come" if each.going else ""
        took = duration(each.took_s) if each.took_s else ""
        lines.append(f"| {each.stage} | {each.done}{failed}{going} | {took} | {each.gpu_s / 3600:.2f} |")
    return folded(f"Time and GPUs: {view.gpu_h:.1f} GPU hours", "\n".join(lines))


def _history(view: BuildView) -> str:
    lines = ["| build | | |", "|---|---|---|"]
    for past in view.past[:_MOST_HISTORY]:
        call = ", ".join(part for part in (past.judgement or past.state, past.release) if part)
        lines.append(f"| {code(past.name)} | {call} | {prose(short(past.reason, LONGEST_NOTE))} |")
    lines += ["", f"`taxonomy-bot nightly report {view.past[0].name}` prints the whole report of one."]
    return folded("Earlier builds", "\n".join(lines))
