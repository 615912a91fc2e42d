"""The report as Markdown, JSON and in a terminal: what is said first, what fits, what hostile text does in it."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from bot.comments.released import released
from bot.nightly.build_view import BuildView, Failure, LeftOut
from bot.nightly.judgement import Call
from bot.nightly.plan import LeftOutPull, PlannedLeaf
from bot.nightly.report import MOST_CHARACTERS, alarm, decision, in_chat, report, report_title
from bot.nightly.report_data import REPORT_VERSION, report_as_json
from bot.nightly.report_shown import show_report
from bot.nightly.trend_chart import Point, Trend, trend_chart
from bot.nightly.trend_downloads import trends_of
from pipeline.build_results import Comparison, ContributionRow
from tests.bot.rendering import rendered, tags, text_nodes
from tests.bot.test_hostile_words import FOR_TERMINALS, HOSTILE
from tests.nightly.views import (
    BLAMED,
    FELL,
    GAINED,
    GATE,
    HELD,
    MMLU,
    NIGHT,
    STANDS_IN,
    SUSPECT,
    a_broken_build,
    a_failed_gate,
    a_plan,
    a_pull,
    a_view,
)
from tests.words.building import many

_OURS = {
    *("p", "h2", "h3", "strong", "code", "pre", "a", "ul", "ol", "li", "br", "details", "summary", "sub", "img"),
    *("table", "thead", "tbody", "tr", "th", "td", "blockquote"),
}


@pytest.mark.parametrize("view", [a_view(), a_failed_gate(), a_broken_build(), a_view(stands_in=STANDS_IN)])
def test_the_first_line_and_the_title_say_what_to_do(view: BuildView) -> None:
    "Then comes the command, before anything else that is to be read."
    call = next(call for call in Call if report_title(view).startswith(f"{call}: "))
    first, *rest = report(view).splitlines()
    assert re.fullmatch(rf"## \S+ {call}: .+", first)
    assert "taxonomy-bot nightly" in "\n".join(rest[:8])


@pytest.mark.parametrize("view", [a_view(stands_in=STANDS_IN), a_failed_gate(stands_in=STANDS_IN)])
def test_what_stood_in_is_said_before_any_number(view: BuildView) -> None:
    "In the report, in the word that asks for a decision, in the chat, in a terminal and to a contributor."
    shown = io.StringIO()
    show_report(view, Console(file=shown, width=60))
    telling = released("ana", view.name, NIGHT, FELL, stands_in=STANDS_IN)
    for text in (
        report(view),
        decision(view, "a maintainer"),
        in_chat(view, "instruct/taxonomy"),
        shown.getvalue(),
        telling,
    ):
        told = re.sub(r"\d{4}-\d{2}-\d{2}\.1", "", text)  # the names of builds
        assert re.search(r"stand-ins", told)
        number = re.search(r"\d\.\d", told)
        assert number is None or told.index("stand-ins") < number.start()


def test_four_hundred_leaves_fit_and_nothing_is_lost_without_a_word() -> None:
    "What does not fit is counted, and what tells it all is named; JSON has everything."
    text = report(many())
    assert len(text) <= MOST_CHARACTERS < 65_536
    assert text.startswith("## 🟡 YOUR CALL")
    assert "more: `taxonomy-bot nightly report --json` lists them all" in text
    assert "There is more than fits here" in text.splitlines()[-1]
    assert "<details>" not in text[text.rindex("</details>") :], "no part is left open by the cut"
    told = json.loads(report_as_json(many()))
    assert len(told["leaves"]) + sum(leaf["is_unforeseen"] for leaf in told["left_out"]["leaves"]) == 400


def hostile_view(hostile: str) -> BuildView:
    "A build in which every text of others is hostile."
    path = f"knowledge/{hostile}"
    measured = replace(MMLU, name=hostile, note=hostile)
    gate = replace(
        GATE,
        comparisons=(
            Comparison(
                hostile, (measured,), (replace(HELD, name=hostile, note=hostile, is_passed=False, delta=-1),)
            ),
        ),
        contributions=(ContributionRow(666, (path,), replace(FELL, name=hostile, note=hostile)),),
        gains=(replace(GAINED, question=hostile, reference=hostile, base=hostile, tuned=hostile, context=hostile),),
        losses=(replace(GAINED, question=hostile, base=hostile),),
        noise={hostile: 0.1},
    )
    leaf = a_plan().leaves[0]
    plan = a_plan(
        leaves=(PlannedLeaf(path, leaf.change, "1" * 40, "", (666,), (hostile,)),),
        pulls=(a_pull(666, hostile),),
        left_out_pulls=(LeftOutPull(5, hostile, hostile),),
    )
    suspect = replace(SUSPECT, leaves=(path,), benchmark=hostile)
    past = tuple(
        replace(each, reason=hostile, state=hostile, scores={hostile: next(iter(each.scores.values()))})
        for each in a_view().past
    )
    return a_failed_gate(
        plan=plan,
        gate=gate,
        left_out=(LeftOut(f"{path}/x", hostile, (7,), is_unforeseen=True),),
        blame=replace(BLAMED, suspects=(suspect,), why=hostile),
        quarantined=frozenset({path}),
        failure=Failure(f"generate/{path}", hostile, 3),
        stands_in=hostile,
        remarks=(hostile,),
        past=past,
    )


@pytest.mark.parametrize("hostile", [*HOSTILE, *FOR_TERMINALS])
def test_what_others_write_does_nothing(hostile: str) -> None:
    "No mention, no reference that a pull request would show, no foreign link or tag, nothing invisible."
    view = hostile_view(hostile)
    for text in (
        report(view),
        report(replace(view, gate=None, blame=None)),
        decision(view, "a maintainer"),
        alarm(hostile, "a maintainer"),
        released(hostile, view.name, NIGHT, replace(FELL, note=hostile), stands_in=hostile),
    ):
        html = rendered(text)
        assert {tag.strip("/") for tag in tags(html)} <= _OURS
        assert not re.search("[\u200b-\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\x1b\x9b]", text)
        for address in re.findall(r'(?:href|src)="([^"]*)"', html):
            assert re.match(r"\.\./pull/\d+$|https://bot\.example/", address), address
        for node in text_nodes(html):
            assert not re.search(r"(?<![\w`])@\w|#666|GH-666|https?://\S|www\.\w|\w@\w", node), node
    assert len(report_title(view)) <= 255
    assert "\n" not in report_title(view)


@pytest.mark.parametrize("hostile", [*HOSTILE, *FOR_TERMINALS])
def test_a_terminal_shows_it_and_obeys_nothing_of_it(hostile: str) -> None:
    "At sixty columns no line is longer, and no control reaches the terminal."
    shown = io.StringIO()
    show_report(hostile_view(hostile), Console(file=shown, width=60, no_color=True))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown.getvalue())
    assert max(len(line) for line in shown.getvalue().splitlines()) <= 60


def test_an_issue_names_pull_requests_without_a_trace_on_them() -> None:
    "A relative link whose text is code is no reference: a failed build leaves no line on anybody's work."
    html = rendered(report(a_failed_gate()))
    assert '<a href="../pull/12"><code>#12</code></a>' in html
    assert not any("#12" in node for node in text_nodes(html))
    assert "@" not in report(a_view())


def test_json_holds_all_and_names_its_version() -> None:
    "A program reads the same call, reason and command as a person, and every row of the gate."
    told = json.loads(report_as_json(a_failed_gate()))
    assert (told["version"], told["build"], told["call"]) == (REPORT_VERSION, "2026-03-03.1", "DO NOT SHIP")
    assert told["command"] == "taxonomy-bot nightly quarantine list"
    assert told["gate"]["comparisons"][0]["gates"][0]["is_passed"] is False
    assert told["blame"]["suspects"][0]["leaves"] == list(SUSPECT.leaves)
    assert told["quarantined"] == list(SUSPECT.leaves)


def test_the_best_so_far_is_of_as_many_questions() -> None:
    "A better score on other questions is no better score."
    past = a_view().past
    better = replace(past[0], scores={"MMLU": replace(past[0].scores["MMLU"], value=0.9)})
    other = replace(past[1], scores={"MMLU": replace(past[0].scores["MMLU"], value=0.99, n=7)})
    assert "0.900<br><sub>`2026-03-02.1`</sub>" in report(a_view(past=(better, other)))
    assert "0.990<br>" not in report(a_view(past=(better, other)))


def test_the_chart_is_numbers_and_plain_text() -> None:
    "Names are escaped; a line breaks where the questions changed; its words say what it shows."
    chart = trend_chart([Trend("<script>&\x00", (Point("a", 0.5, 10), Point("b", 0.6, 10), Point("c", 0.7, 12)))])
    assert "<script" not in chart
    assert "&lt;script&gt;&amp;" in chart
    assert chart.count("<polyline") == 1
    assert "0.500 to 0.700" in chart
    assert [len(trend.points) for trend in trends_of(a_view())] == [4, 4, 1]
    assert trend_chart([]).startswith("<svg")
