"""The site builds strictly, asks no other host, and every link to a page of ours leads somewhere."""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from checks.policy import default_policy
from checks.registry import all_rules
from checks.report.content import anchor
from docs_site.hooks import on_page_content, with_lists, with_outside_links
from tests.docs.sources import DOCS, ROOT

REPOSITORY = "https://github.com/taxonomy-bot/taxonomy-bot"
_FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass
class Seen(HTMLParser):
    "The ids of a built page, its links, and what a browser fetches for it."

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in _FETCHED and _FETCHED[tag] in found and found.get("rel") not in ("canonical", "next", "prev"):
            self.fetched.append(found[_FETCHED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Seen]:
    "Every page of the built site, by its path."
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=80, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {}
    for file in folder.rglob("*.html"):
        seen = Seen()
        seen.feed(file.read_text(encoding="utf-8"))
        pages[str(file.relative_to(folder))] = seen
    for sheet in folder.rglob("*.css"):
        asked = re.findall(r"url\(\s*[\"']?(https?:)?//", sheet.read_text(encoding="utf-8"))
        assert not asked, f"{sheet.name} asks another host"
    return pages


def dead(link: str, page: str, site: Mapping[str, Seen]) -> bool:
    "True for a link within the site that leads nowhere."
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    there = posixpath.normpath(posixpath.join(posixpath.dirname(page), parts.path)) if parts.path else page
    if not there.endswith(".html"):
        return False
    return there not in site or (bool(parts.fragment) and unquote(parts.fragment) not in site[there].ids)


def built(markdown: str) -> str:
    "The path on the site of a page of docs/."
    return re.sub(r"README\.html$", "index.html", markdown.removesuffix(".md") + ".html")


def test_no_link_is_dead(site: Mapping[str, Seen]) -> None:
    "Neither in the text nor in the menus; anchors included."
    assert {"index.html", "rules.html", "contributors/write-a-skill.html", "decisions/index.html"} <= site.keys()
    found = {(page, link) for page, seen in site.items() if page != "404.html" for link in seen.links}
    assert [(page, link) for page, link in sorted(found) if dead(link, page, site)] == []


def test_no_page_asks_another_host(site: Mapping[str, Seen]) -> None:
    "Scripts, fonts, pictures and styles are the site's own, and no script asks GitHub for stars."
    assert [one for seen in site.values() for one in seen.fetched if urlsplit(one).netloc] == []
    assert all("mermaid" not in one for seen in site.values() for one in seen.fetched)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_links_of_the_files_outside_lead_somewhere(site: Mapping[str, Seen], name: str) -> None:
    "To files that are there, and to headings of pages that are there."
    wrong = []
    for link in _LINK.findall((ROOT / name).read_text(encoding="utf-8")):
        parts = urlsplit(link)
        if parts.scheme or not parts.path:
            continue
        page = built(parts.path.removeprefix("docs/"))
        is_page = parts.path.startswith("docs/") and parts.path.endswith(".md")
        if not (ROOT / parts.path).exists() or (is_page and dead(f"{page}#{parts.fragment}", "index.html", site)):
            wrong.append(link)
    assert wrong == []


def test_what_the_bot_links_to_is_there(site: Mapping[str, Seen]) -> None:
    "Each message about a finding leads to its own heading of the rule book."
    address = default_policy().messages.rules_url
    prefix = f"{REPOSITORY}/blob/main/docs/"
    assert address.startswith(prefix)
    ids = site[built(address.removeprefix(prefix))].ids
    wanted = {anchor(one) for rule in all_rules().values() for one in (rule.id, *(c.id for c in rule.causes))}
    assert wanted - ids == set()


def test_documents_that_programs_name_are_there(site: Mapping[str, Seen]) -> None:
    "`docs/....md` in a message or a docstring is a page."
    named = {
        (str(file.relative_to(ROOT)), page)
        for package in ("bot", "checks", "pipeline")
        for file in (ROOT / package).rglob("*.py")
        for page in re.findall(r"\bdocs/([a-z-]+\.md)\b", file.read_text(encoding="utf-8"))
        if page not in ("birds.md", "bird.md")  # examples of a contributor's document
    }
    assert ("checks/local_check.py", "policy.md") in named
    assert [one for one in sorted(named) if built(one[1]) not in site] == []


def test_lists_are_read_as_github_reads_them() -> None:
    "A list behind a paragraph needs no blank line there; code stays as it is."
    lines = ["Say:", "- one", "  more", "- two", "```", "text", "- no list", "```"]
    assert list(with_lists(lines)) == ["Say:", "", "- one", "  more", "- two", "```", "text", "- no list", "```"]


def test_a_bar_in_a_cell_is_a_bar() -> None:
    "What Markdown needs to write it is not shown."
    html = "<td><code>a\\|b</code></td><p>a\\|b</p>"
    assert on_page_content(html, None, None, None) == "<td><code>a|b</code></td><p>a\\|b</p>"


def test_links_out_of_the_folder_lead_to_the_repository(caplog: pytest.LogCaptureFixture) -> None:
    "And a file that is not there is a warning, which strictness makes an error."
    text = "[a](../CONTRIBUTING.md#add-a-rule) [b](../benchmarks) [c](rules.md)"
    assert with_outside_links(text, "developers.md", f"{REPOSITORY}/") == (
        f"[a]({REPOSITORY}/blob/main/CONTRIBUTING.md#add-a-rule) "
        f"[b]({REPOSITORY}/tree/main/benchmarks) [c](rules.md)"
    )
    assert not caplog.records
    with_outside_links("[gone](../../NOTHING.md)", "contributors/index.md", REPOSITORY)
    assert "NOTHING.md, which is not there" in caplog.text


def test_the_picture_of_the_card_is_ours() -> None:
    "Pictures that pages show are files of the repository, with words for those who do not see them."
    for page in DOCS.rglob("*.md"):
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            if target.startswith(("http:", "https:", "/")):
                continue
            assert words, f"{page.name}: {target} has no words"
            assert (page.parent / target).resolve().is_relative_to(Path(DOCS))
