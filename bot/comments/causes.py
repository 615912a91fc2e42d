"""Findings as Markdown: one line a cause, every place below it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from bot.comments.escape import block, code, prose
from bot.github.pulls import Pull
from bot.page_links import PageLinks
from checks.findings import CauseGroup, Finding, Severity
from checks.policy import Policy

_MOST_PLACES = 50  # of one cause; the annotations show the others


@dataclass(frozen=True, slots=True)
class Links:
    """Where things are on the web: the repository, the commit judged, the published rule book, the Checks tab."""

    repository_url: str
    head_sha: str
    rules_url: str
    checks_url: str
    page_url: str = ""  # of our own page about it; empty: there is none

    def place(self, finding: Finding) -> str:
        """Return a link to the line a finding is about; empty when it is about no file."""
        if finding.sha:
            return f"[commit {code(finding.sha[:7])}]({self.repository_url}/commit/{finding.sha})"
        if not finding.path:
            return ""
        name = "/".join(finding.path.split("/")[-2:])  # the leaf's folder tells one qna.yaml from another
        if not finding.line:
            return code(name)
        address = f"{self.repository_url}/blob/{self.head_sha}/{quote(finding.path)}?plain=1#L{finding.line}"
        return f"[{code(name)} line {finding.line}]({address})"

    def elsewhere(self, finding: Finding) -> str:
        """Return a link to the other place that a finding is about, with a space before it; empty for none."""
        there = finding.elsewhere
        if there is None:
            return ""
        if there.number:
            return f" [See there]({self.repository_url}/pull/{there.number}/files)"
        return f" [See there]({self.repository_url}/blob/HEAD/{quote(there.path)}?plain=1#L{there.line})"

    def rule(self, group: CauseGroup) -> str:
        """Return the address of a cause in the rule book."""
        return f"{self.rules_url}#{group.cause.id.replace('/', '-')}"


def links_of(web_url: str, pull: Pull, policy: Policy, pages: PageLinks = PageLinks()) -> Links:
    """Return where things of a pull request are, on a GitHub at `web_url`."""
    repository_url = f"{web_url}/{pull.repository}"
    checks_url = f"{repository_url}/pull/{pull.number}/checks"
    page_url = pages.pull(pull.repository, pull.number)
    return Links(repository_url, pull.head_sha, policy.messages.rules_url, checks_url, page_url)


def headline(group: CauseGroup, links: Links, words_left: int, short_remedy: str = "") -> str:
    """Return a cause as one short line: what, where, how to fix it as far as `words_left` allows, and why.

    `short_remedy` stands for the cause's own where a fuller recipe follows below.
    """
    first = group.findings[0]
    place = links.place(first)
    others = len(group.findings) - 1
    where = f" ({place}{f' and {others} more' if others else ''})" if place else ""
    speaks_for_itself = not others and not first.sha  # of a commit the link beside it says which
    said = _first_sentence(first.message) if speaks_for_itself else group.cause.title
    what = f"**{prose(said.rstrip('.'))}**{where}.{links.elsewhere(first) if not others else ''}"
    why = f"[Why?]({links.rule(group)})"
    remedies = (short_remedy,) if short_remedy else (first.how_to_fix, _first_sentence(first.how_to_fix))
    for remedy in remedies:
        if len(f"{what} {remedy}".split()) + 1 <= words_left:
            return f"{what} {prose(remedy)} {why}"
    return f"{what} {why}"


def in_full(group: CauseGroup, links: Links) -> str:
    """Return a cause with its reason, its remedy and every place."""
    lines = [
        f"**{prose(group.cause.title)}** · [{code(group.cause.rule)}]({links.rule(group)})",
        "",
        prose(group.cause.why),
        "",
        *(_place_line(finding, links) for finding in group.findings[:_MOST_PLACES]),
    ]
    if len(group.findings) > _MOST_PLACES:
        lines.append(f"- … and {len(group.findings) - _MOST_PLACES} more of the same kind")
    lines += ("", f"How to put it right: {prose(group.cause.remedy)}")
    return "\n".join(lines)


def _place_line(finding: Finding, links: Links) -> str:
    place = links.place(finding)
    remedy = f" {prose(finding.remedy)}" if finding.remedy and finding.remedy != finding.cause.remedy else ""
    line = f"- {place}{': ' if place else ''}{prose(finding.message)}{links.elsewhere(finding)}{remedy}"
    if finding.suggestion and finding.severity is not Severity.NOTICE:
        fix = block("\n".join(finding.suggestion.lines), "yaml")
        line += "\n\n  Like this:\n\n" + "\n".join(f"  {row}" for row in fix.split("\n"))
    return line


def _first_sentence(text: str) -> str:
    head, dot, _ = text.partition(". ")
    return head + "." if dot else text
