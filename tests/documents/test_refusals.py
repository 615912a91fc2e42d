"""What is refused, and in which words: a contributor's mistakes, hostile repositories, hostile servers, trouble."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from checks import document_git
from checks.document_addresses import NameNotFoundError, is_acceptable, system_addresses
from checks.document_hosts import GitPlace
from checks.documents import DocumentProblem, DocumentRefusal
from tests.checks.contributions import COMMIT
from tests.documents.fetching import fetch, fetched, refused
from tests.documents.git_host import NAME, Answer, GitHost, Repository, git


@pytest.fixture
def commit(repository: Repository) -> str:
    "A good commit that is on the host."
    made = repository.commit({"kingfisher.md": "It fishes."})
    repository.push()
    return made


def answering(status: int, body: bytes = b"", **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


def test_a_commit_that_is_not_there(repository: Repository, commit: str) -> None:
    assert "0000 is not in that repository" in refused(fetch(repository, "0" * 40), "no-commit")


def test_a_commit_of_a_fork_is_not_part_of_the_repository(repository: Repository, commit: str) -> None:
    "Hosts show a fork's commits under the parent's address; the fork's author decides how long."
    git(repository.work, "checkout", "--quiet", "-b", "fork")
    foreign = repository.commit({"kingfisher.md": "It breathes fire."})
    repository.push("refs/pull/7/head")
    words = refused(fetch(repository, foreign), "not-reachable")
    assert "No branch and no tag" in words
    repository.push("refs/heads/merged")
    assert fetched(fetch(repository, foreign)) == {"kingfisher.md": b"It breathes fire."}


def test_a_fork_that_builds_on_itself_is_no_part_either(repository: Repository, commit: str) -> None:
    "Its later commits are hidden as well, and its history holds ours: that proves nothing."
    git(repository.work, "checkout", "--quiet", "-b", "fork")
    foreign = repository.commit({"kingfisher.md": "It breathes fire."})
    repository.commit({"kingfisher.md": "It breathes more fire."})
    repository.push("refs/pull/7/head")
    git(repository.work, "checkout", "--quiet", "main")
    repository.commit({"heron.md": "Grey."})
    repository.push()
    git(repository.work, "tag", "--annotate", "-m", "a file", "a-file", "HEAD:heron.md")
    repository.push("refs/tags/a-file", "a-file")
    refused(fetch(repository, foreign), "not-reachable")


def test_the_id_of_a_tag_is_not_that_of_a_commit(repository: Repository, commit: str) -> None:
    git(repository.work, "tag", "--annotate", "-m", "As printed", "print")
    repository.push("refs/tags/print", "print")
    tag, tree = git(repository.work, "rev-parse", "print"), git(repository.work, "rev-parse", "HEAD^{tree}")
    assert "of a tag" in refused(fetch(repository, tag), "not-a-commit")
    assert "of a folder" in refused(fetch(repository, tree), "not-a-commit")


@pytest.mark.parametrize(
    "written", ["main", "HEAD", "", "-u", "--upload-pack=touch x", COMMIT[:12], f"{COMMIT}\n", f"{COMMIT}^"]
)
def test_anything_but_a_full_id_is_refused_unasked(repository: Repository, host: GitHost, written: str) -> None:
    refused(fetch(repository, written), "commit-id")
    assert host.asked == []


WRONG_NAMES = {
    "no such file": ("heron.md", "No file at that commit fits `heron.md`."),
    "another case": ("Kingfisher.md", "but `kingfisher.md`: upper and lower case count"),
    "a folder": ("docs", "is a folder"),
    "a link": ("link.md", "is a link"),
    "behind a link": ("elsewhere/passwd.md", "lies behind a link"),
    "a submodule": ("sub", "(a submodule), not a file"),
    "inside a submodule": ("sub/a.md", "(a submodule), which is not fetched"),
    "a glob of nothing": ("docs/*.pdf", "No file"),
    "a hidden file by a star": ("docs/?md", "No file"),
}


@pytest.mark.parametrize(("pattern", "words"), WRONG_NAMES.values(), ids=WRONG_NAMES)
def test_a_pattern_that_names_no_file(repository: Repository, pattern: str, words: str) -> None:
    (repository.work / "link.md").symlink_to("/etc/passwd")
    (repository.work / "elsewhere").symlink_to("/etc")
    repository.commit({"kingfisher.md": "x", "docs/a.md": "x", "docs/.md": "x"})
    git(repository.work, "update-index", "--add", "--cacheinfo", f"160000,{COMMIT},sub")
    git(repository.work, "commit", "--quiet", "-m", "A submodule")
    repository.push()
    assert words in refused(fetch(repository, git(repository.work, "rev-parse", "HEAD"), pattern), "no-files")


def test_links_and_submodules_beside_documents_are_passed_over_and_named(repository: Repository) -> None:
    (repository.work / "link.md").symlink_to("../../../etc/passwd")
    repository.commit({"kingfisher.md": "x"})
    git(repository.work, "update-index", "--add", "--cacheinfo", f"160000,{COMMIT},sub.md")
    git(repository.work, "commit", "--quiet", "-m", "A submodule")
    repository.push()
    answer = fetch(repository, git(repository.work, "rev-parse", "HEAD"), "*.md")
    assert fetched(answer) == {"kingfisher.md": b"x"}
    assert not isinstance(answer, DocumentRefusal)
    assert answer.passed_over == ("link.md", "sub.md")


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"
WRONG_CONTENTS: dict[str, tuple[str, str | bytes, str, str]] = {
    "a file kept elsewhere": ("a.md", POINTER, "large-file-store", "Git LFS"),
    "no text": ("a.md", b"\x7fELF\0\0", "unreadable", "is not text"),
    "another encoding": ("a.md", "Vögel".encode("latin-1"), "unreadable", "not written in UTF-8 (byte 1)"),
    "nothing": ("a.md", " \n", "unreadable", "is empty"),
    "no PDF": ("a.pdf", "<html>", "unreadable", "is called a PDF but is none"),
    "a web page": ("a.html", "<html>", "file-type", "no document of an accepted kind: .md or .pdf"),
    "no ending": ("README", "text", "file-type", "no document of an accepted kind"),
}


@pytest.mark.parametrize(("name", "content", "problem", "words"), WRONG_CONTENTS.values(), ids=WRONG_CONTENTS)
def test_a_file_that_is_no_document(
    repository: Repository, name: str, content: str | bytes, problem: str, words: str
) -> None:
    commit = repository.commit({name: content})
    repository.push()
    assert words in refused(fetch(repository, commit, "*"), problem)


def test_kinds_are_not_mixed(repository: Repository) -> None:
    commit = repository.commit({"a.md": "x", "b.pdf": b"%PDF-1.7"})
    repository.push()
    assert ".md and .pdf" in refused(fetch(repository, commit, "*"), "mixed-types")


HOSTILE_PATTERNS = [
    "",
    " ",
    "../secret.md",
    "docs/../../a.md",
    "/etc/passwd",
    "~/a.md",
    "C:/a.md",
    ".git/config",
    "x/.GIT/config.md",
    "docs//a.md",
    "./a.md",
    "a\\b.md",
    "a\nb.md",
    "a\0.md",
    "--output=/tmp/x",
    ":(exclude)a.md",
    "https://evil.example/a.md",
    "a/" * 60 + "a.md",
    "a" * 1001,
]


@pytest.mark.parametrize("pattern", HOSTILE_PATTERNS)
def test_a_hostile_pattern_is_refused_unasked(repository: Repository, host: GitHost, pattern: str) -> None:
    refused(fetch(repository, COMMIT, "a.md", pattern), "pattern")
    assert host.asked == []


def test_patterns_without_end_are_refused(repository: Repository) -> None:
    refused(fetch(repository, COMMIT, *[f"{n}.md" for n in range(51)]), "pattern")


@pytest.mark.parametrize(
    "url",
    [
        "http://{}/ana/x.git",
        "ext::sh -c touch% /tmp/owned",
        "file:///etc",
        "ssh://git@{}/ana/x.git",
        "git@{}:ana/x.git",
        "--upload-pack=touch",
        "https://ana:secret@{}/ana/x.git",
        "https://{}:1/ana/x.git",
        "https://{}\n/ana/x.git",
        "https://{}/ana/x.git\nhost: y",
        "https://{}/ana/../../x.git",
        "https://{}/ana/%2e%2e/x.git",
        "https://{}/vögel/x.git",
        "https://{}/ana/x.git?service=evil",
        "https://{}/ana/x.git#evil",
        "https://{}/",
        "https://[::1]/ana/x.git",
        "",
    ],
)
def test_a_hostile_address_is_refused_unasked(repository: Repository, host: GitHost, url: str) -> None:
    answer = fetch(repository, COMMIT, url=url.format(f"{NAME}:{host.port}") or " ")
    assert isinstance(answer, DocumentRefusal)
    assert answer.problem in {"address", "host"}
    assert "secret" not in str(answer)
    assert host.asked == []


@pytest.mark.parametrize(
    "host_name",
    ["evil.example", "git.birds.example", "git.bìrds.example", "ｇit.birds.example", "127.0.0.1", "2130706433"],
)
def test_only_hosts_that_are_named_are_asked(repository: Repository, host: GitHost, host_name: str) -> None:
    "A port is part of the name; letters that only look alike are others."
    refused(fetch(repository, COMMIT, url=f"https://{host_name}/ana/x.git"), "host", "policy")
    assert host.asked == []


PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "no address",
    "0x7f.1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_that_is_not_public_is_ever_asked(repository: Repository, host: GitHost, address: str) -> None:
    answer = fetch(repository, COMMIT, resolve=lambda *_: [address], reach={"networks": ()})
    words = refused(answer, "private-address", "policy")
    assert address not in words  # what a network inside looks like is nobody's business
    assert isinstance(answer, DocumentRefusal)
    assert address in answer.detail
    assert host.asked == []


@pytest.mark.parametrize(
    "address", ["140.82.121.4", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_fine(address: str) -> None:
    assert is_acceptable(address, ())


def test_git_is_told_every_address_that_was_checked() -> None:
    place = GitPlace("https://git.birds.example/a/b", NAME, 443, ("8.8.8.8", "2606:4700::1111"))
    assert place.pin == "git.birds.example:443:8.8.8.8,[2606:4700::1111]"


def test_one_private_address_among_public_ones_is_enough(repository: Repository, host: GitHost) -> None:
    answer = fetch(repository, COMMIT, resolve=lambda *_: ["8.8.8.8", "::ffff:10.0.0.1"])
    refused(answer, "private-address", "policy")


def test_only_the_networks_an_operator_names_are_allowed(repository: Repository, commit: str) -> None:
    for networks in ((), (ip_network("10.0.0.0/8"), ip_network("::/0"))):
        refused(fetch(repository, commit, reach={"networks": networks}), "private-address", "policy")
    assert fetched(fetch(repository, commit, reach={"networks": (ip_network("127.0.0.1/32"),)}))


REDIRECTS = {
    "the metadata of a cloud": "http://169.254.169.254/latest/meta-data/",
    "another host": "https://evil.example/ana/x.git/info/refs?service=git-upload-pack",
    "the same host without TLS": "http://git.birds.example/ana/x.git/info/refs?service=git-upload-pack",
    "another port": "https://git.birds.example:1/ana/x.git/info/refs?service=git-upload-pack",
    "a name and password": "https://a:b@git.birds.example/ana/x.git/info/refs?service=git-upload-pack",
    "a file": "file:///etc/passwd",
    "nowhere": "",
    "a page": "/login",
}


@pytest.mark.parametrize("location", REDIRECTS.values(), ids=REDIRECTS)
def test_a_redirect_to_anywhere_else_is_not_followed(repository: Repository, host: GitHost, location: str) -> None:
    host.answers[repository.path] = answering(302, Location=location)
    refused(fetch(repository, COMMIT), "redirect", "policy")
    assert len(host.asked) == 1


def test_a_redirect_to_an_accepted_host_at_a_private_address(repository: Repository, host: GitHost) -> None:
    host.answers[repository.path] = answering(
        302, Location="https://inside.example/ana/x.git/info/refs?service=git-upload-pack"
    )
    answer = fetch(
        repository,
        COMMIT,
        resolve=lambda name, port: ["127.0.0.1"] if name == NAME else ["10.0.0.5"],
        reach={"hosts": (f"{NAME}:{host.port}", "inside.example")},
    )
    refused(answer, "private-address", "policy")


def test_redirects_in_a_circle_come_to_an_end(repository: Repository, host: GitHost) -> None:
    host.answers[repository.path] = answering(307, Location=f"{repository.path}/info/refs?service=git-upload-pack")
    refused(fetch(repository, COMMIT), "redirect", "policy")
    assert len(host.asked) == 4


def test_a_server_that_redirects_only_git_gets_nowhere(repository: Repository, host: GitHost, commit: str) -> None:
    "The first answer is good; the second sends git to another place, which it does not ask."

    async def turn(request: web.Request) -> web.StreamResponse:
        if len(host.asked) == 1:
            return await host.backend(request)
        return web.Response(
            status=302, headers={"Location": f"{repository.url[:-4]}-2.git/info/refs?service=git-upload-pack"}
        )

    host.answers[repository.path] = turn
    refused(fetch(repository, commit), "server", "could not verify")
    assert not any("-2.git" in path for path in host.asked)


@pytest.mark.parametrize("status", [401, 404, 410, 451])
def test_a_repository_that_is_not_public(repository: Repository, host: GitHost, status: int) -> None:
    host.answers[repository.path] = answering(status, WWW_Authenticate='Basic realm="birds"')
    assert "no public repository" in refused(fetch(repository, COMMIT), "no-repository")
    assert host.authorisations == []


def test_a_repository_that_does_not_exist(host: GitHost, repository: Repository) -> None:
    url = f"https://{NAME}:{host.port}/ana/no-such-bird.git"
    refused(fetch(repository, COMMIT, url=url), "no-repository")


@pytest.mark.parametrize("status", [400, 403, 429, 500, 502, 503])
def test_a_server_in_trouble_is_nobodys_fault(repository: Repository, host: GitHost, status: int) -> None:
    host.answers[repository.path] = answering(status)
    refused(fetch(repository, COMMIT), "server", "could not verify")


def test_a_web_page_is_no_repository(repository: Repository, host: GitHost) -> None:
    host.answers[repository.path] = answering(200, b"<html>birds</html>", Content_Type="text/html")
    refused(fetch(repository, COMMIT), "no-repository")


def test_a_server_of_the_old_kind_of_git_is_not_believed(repository: Repository, host: GitHost) -> None:
    "It could name other places to fetch from."
    host.answers[repository.path] = answering(200, b"0" * 40 + b"\trefs/heads/main\n", Content_Type="text/plain")
    refused(fetch(repository, COMMIT), "no-repository")


def test_a_certificate_of_somebody_else(repository: Repository, host: GitHost) -> None:
    answer = fetch(repository, COMMIT, reach={"ca_file": None})
    assert "certificate" in refused(answer, "certificate", "could not verify")
    assert host.asked == []


def test_a_certificate_for_another_name(repository: Repository, host: GitHost) -> None:
    other = f"heron.example:{host.port}"
    answer = fetch(repository, COMMIT, url=f"https://{other}/ana/x.git", reach={"hosts": (other,)})
    refused(answer, "certificate", "could not verify")
    assert host.asked == []


def test_without_a_network_we_say_so(repository: Repository) -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise NameNotFoundError("Temporary failure in name resolution")

    said = refused(fetch(repository, COMMIT, resolve=nobody), "offline", "could not verify")
    assert said.endswith("cannot be reached from here. Is there a network?")


def test_a_name_nobody_knows_is_not_found() -> None:
    with pytest.raises(NameNotFoundError):
        system_addresses("no-such-bird.invalid", 443)
    assert "127.0.0.1" in system_addresses("localhost", 443)


def test_a_server_that_does_not_listen(repository: Repository) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    name = f"{NAME}:{port}"
    answer = fetch(repository, COMMIT, url=f"https://{name}/ana/x.git", reach={"hosts": (name,)})
    refused(answer, "offline", "could not verify")


def test_a_resolver_that_never_answers(repository: Repository) -> None:
    release = threading.Event()

    def asleep(host: str, port: int) -> list[str]:
        release.wait(30)
        return ["127.0.0.1"]

    began = time.monotonic()
    refused(fetch(repository, COMMIT, resolve=asleep, time_s=0.2), "timeout", "could not verify")
    release.set()
    assert time.monotonic() - began < 5


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    "The processes that were started; at the end of the test none of their groups may be left."
    started: list[int] = []
    real = document_git.subprocess.Popen

    def noted(*arguments: Any, **options: Any) -> Any:
        process = real(*arguments, **options)
        started.append(process.pid)
        return process

    monkeypatch.setattr(document_git.subprocess, "Popen", noted)
    yield started
    assert started
    left = [group for group in started if _members(group)]
    assert left == []


def _members(group: int) -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of) == group and state != "Z":
            found.append(stat.parent.name)
    return found


def test_a_server_that_never_begins(repository: Repository, host: GitHost) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    host.answers[repository.path] = silent
    began = time.monotonic()
    refused(fetch(repository, COMMIT, time_s=0.5), "timeout", "could not verify")
    assert time.monotonic() - began < 5


def test_a_server_that_falls_silent_while_git_fetches(
    repository: Repository, host: GitHost, commit: str, groups: list[int]
) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-result"})
        await response.prepare(request)
        await asyncio.sleep(60)
        return response

    host.answers[f"{repository.path}/git-upload-pack"] = silent
    refused(fetch(repository, commit, time_s=1.5), "timeout", "could not verify")


def test_an_answer_without_end_is_cut_off(
    repository: Repository, host: GitHost, commit: str, groups: list[int]
) -> None:
    "What looks like a file that goes on for ever, sent as fast as it can be."

    async def endless(request: web.Request) -> web.StreamResponse:
        if b"command=fetch" not in await request.read():
            return await host.backend(request)
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-result"})
        await response.prepare(request)
        await response.write(
            b"000dpackfile\n" + _band(b"PACK\x00\x00\x00\x02\x00\x00\x00\x01" + b"\xbf\xff\xff\xff\x7f\x78\x01")
        )
        rest = _band(
            b"\x00" + (60_000).to_bytes(2, "little") + (60_000 ^ 0xFFFF).to_bytes(2, "little") + b"x" * 60_000
        )
        try:
            while request.transport is not None and not request.transport.is_closing():
                await response.write(rest)
                await asyncio.sleep(
                    0
                )  # writing to a lost connection waits for nothing, nor would its loss be noticed
        except ConnectionError:
            pass
        return response

    host.answers[f"{repository.path}/git-upload-pack"] = endless
    assert "larger than 1 MiB" in refused(fetch(repository, commit, download_bytes=2**20), "too-large")


def _band(content: bytes) -> bytes:
    "A packet of the pack itself, as git's protocol wraps it."
    return f"{len(content) + 5:04x}".encode() + b"\x01" + content


def test_a_head_without_end_is_not_read_to_its_end(repository: Repository, host: GitHost) -> None:
    host.answers[repository.path] = answering(200, X_Birds="x" * 40_000)
    refused(fetch(repository, COMMIT), "server", "could not verify")


def test_a_huge_file_is_refused(repository: Repository, groups: list[int]) -> None:
    commit = repository.commit({"kingfisher.md": "fish " * 50_000})
    repository.push()
    assert "at most 0.1" in refused(fetch(repository, commit, file_bytes=104_858), "too-large")
    assert "together" in refused(fetch(repository, commit, total_bytes=104_858), "too-large")


def test_a_file_that_blows_up_when_unpacked_is_refused(repository: Repository, groups: list[int]) -> None:
    "A pack of some kilobytes, a file of 40 megabytes: neither disk nor memory is taken by it."
    commit = repository.commit({"kingfisher.md": b" " * 40_000_000})
    repository.push()
    said = refused(fetch(repository, commit, download_bytes=2**22, memory_bytes=100 * 2**20), "too-large")
    assert "at most 20 MiB each" in said


def test_a_commit_that_blows_up_when_unpacked_is_refused(repository: Repository, groups: list[int]) -> None:
    "Git holds commits in memory whole: it is not given that much."
    commit = repository.commit({"kingfisher.md": "x"}, "y" * 60_000_000)
    repository.push()
    said = refused(fetch(repository, commit, memory_bytes=64 * 2**20), "too-large")
    assert "What has to be fetched" in said


def test_copies_of_a_file_count_each(repository: Repository) -> None:
    commit = repository.commit({f"{n}.md": "fish " * 1000 for n in range(30)})
    repository.push()
    refused(fetch(repository, commit, "*.md", total_bytes=100_000), "too-large")


def test_more_files_than_a_leaf_can_need_are_refused(repository: Repository) -> None:
    commit = repository.commit({f"{n}.md": "x" for n in range(12)})
    repository.push()
    assert "more than 10 files" in refused(fetch(repository, commit, "*.md", files=10), "too-many-files")
    refused(fetch(repository, commit, "1.md", tree_files=11), "too-many-files")


def test_folders_that_hold_each_other_ten_times_over(repository: Repository, groups: list[int]) -> None:
    "Ten small objects that spell out ten thousand million paths."
    tree = git(repository.work, "mktree", stdin=b"100644 blob " + _blob(repository) + b"\ta.md\n")
    for _ in range(10):
        lines = "".join(f"040000 tree {tree}\t{n}\n" for n in range(10))
        tree = git(repository.work, "mktree", stdin=lines.encode())
    commit = git(repository.work, "commit-tree", "-m", "A bomb", tree)
    repository.push(what=commit)
    refused(fetch(repository, commit, "**/a.md", tree_bytes=2**20), "too-many-files")


def _blob(repository: Repository) -> bytes:
    return git(repository.work, "hash-object", "-w", "--stdin", stdin=b"x").encode()


def test_a_tree_that_git_would_not_write_is_refused(repository: Repository, groups: list[int]) -> None:
    "A file that lies in git's own folder, as an attacker writes it by hand."
    raw = b"100644 .git\0" + bytes.fromhex(_blob(repository).decode())
    tree = git(repository.work, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=raw)
    commit = git(repository.work, "commit-tree", "-m", "A trap", tree)
    repository.push(what=commit)
    assert "broken" in refused(fetch(repository, commit, "**"), "broken")


def test_a_name_nobody_can_see_is_not_a_documents_name(repository: Repository) -> None:
    tree = git(repository.work, "mktree", "-z", stdin=b"100644 blob " + _blob(repository) + b"\ta\n@mention.md\0")
    commit = git(repository.work, "commit-tree", "-m", "A trap", tree)
    repository.push(what=commit)
    refused(fetch(repository, commit, "*.md"), "no-files")


def test_a_history_too_long_to_look_through(repository: Repository) -> None:
    older = repository.commit({"kingfisher.md": "x"})
    for _ in range(3):
        repository.commit({}, secrets.token_hex(50_000))
    repository.push()
    git(repository.work, "checkout", "--quiet", "--orphan", "other")
    foreign = repository.commit({"kingfisher.md": "y"})
    repository.push("refs/pull/1/head")
    assert fetched(fetch(repository, older))
    refused(fetch(repository, foreign, download_bytes=20_000), "long-history")
    refused(fetch(repository, foreign, refs_bytes=10), "long-history")


def test_a_commit_with_too_many_tips_beside_it(repository: Repository, commit: str) -> None:
    for number in range(3):
        repository.commit({}, f"Branch {number}")
        repository.push(f"refs/heads/{number}")
    git(repository.work, "checkout", "--quiet", "--orphan", "other")
    repository.commit({"kingfisher.md": "y"})
    repository.push("refs/pull/1/head")
    foreign = git(repository.work, "rev-parse", "HEAD")
    refused(fetch(repository, foreign, tips=2), "long-history")


def test_a_server_that_keeps_a_file_back(repository: Repository, host: GitHost, commit: str) -> None:
    async def keeps_back(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        blob = git(repository.work, "rev-parse", "HEAD:kingfisher.md").encode()
        return web.Response(status=500) if blob in body else await host.backend(request)

    host.answers[f"{repository.path}/git-upload-pack"] = keeps_back
    refused(fetch(repository, commit), "server", "could not verify")


def test_every_problem_says_what_to_do() -> None:
    for problem in DocumentProblem:
        refusal = DocumentRefusal(problem, "Something is wrong.")
        assert refusal.remedy.endswith(".")
        assert str(refusal) == f"Something is wrong. {refusal.remedy}"
