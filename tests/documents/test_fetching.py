"""Fetching documents from a real git server: the files of one commit, whole and in order, or why not."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from checks.documents import (
    DocumentLimits,
    DocumentReach,
    DocumentReference,
    FetchedDocuments,
    fetch_documents,
    reference_of,
)
from checks.policy import Documents, Policy
from tests.checks.contributions import COMMIT, REPO, a_knowledge, a_skill, knowledge_of, skill_of
from tests.documents.fetching import fetch, fetched, on_loopback, reach_of, refused
from tests.documents.git_host import GitHost, Repository, git

KINGFISHER = "# Kingfisher\n\nIt feeds on small fish.\n"


def test_the_files_of_the_newest_commit_are_fetched(repository: Repository) -> None:
    commit = repository.commit({"kingfisher.md": KINGFISHER, "heron.md": "Grey."})
    repository.push()

    answer = fetch(repository, commit)

    assert isinstance(answer, FetchedDocuments)
    (file,) = answer.files
    assert (file.path, file.content) == ("kingfisher.md", KINGFISHER.encode())
    assert file.sha256 == hashlib.sha256(KINGFISHER.encode()).hexdigest()
    assert (answer.url, answer.commit) == (repository.url, commit)
    assert answer.total_bytes == len(KINGFISHER)


def test_an_older_commit_is_fetched_as_it_was(repository: Repository) -> None:
    older = repository.commit({"kingfisher.md": "What was known then."})
    repository.commit({"kingfisher.md": "What is known now."})
    repository.push()
    assert fetched(fetch(repository, older)) == {"kingfisher.md": b"What was known then."}


def test_a_commit_of_another_branch_is_fetched(repository: Repository) -> None:
    repository.commit({"kingfisher.md": KINGFISHER})
    repository.push()
    git(repository.work, "checkout", "--quiet", "--orphan", "herons")
    older = repository.commit({"kingfisher.md": "On another branch."})
    repository.commit({"kingfisher.md": "Later there."})
    repository.push("refs/heads/herons")
    assert fetched(fetch(repository, older)) == {"kingfisher.md": b"On another branch."}


def test_a_commit_that_only_a_signed_tag_leads_to_is_fetched(repository: Repository) -> None:
    repository.commit({"kingfisher.md": KINGFISHER})
    repository.push()
    tagged = repository.commit({"kingfisher.md": "As printed."})
    git(repository.work, "tag", "--annotate", "-m", "As printed", "print-1")
    repository.push("refs/tags/print-1", "print-1")
    assert fetched(fetch(repository, tagged)) == {"kingfisher.md": b"As printed."}


def test_a_merged_commit_is_fetched(repository: Repository) -> None:
    repository.commit({"readme.md": "Birds."})
    git(repository.work, "checkout", "--quiet", "-b", "ana")
    merged = repository.commit({"kingfisher.md": KINGFISHER})
    git(repository.work, "checkout", "--quiet", "main")
    repository.commit({"heron.md": "Grey."})
    git(repository.work, "merge", "--quiet", "--no-ff", "-m", "Merge", "ana")
    repository.push()
    assert fetched(fetch(repository, merged)) == {"kingfisher.md": KINGFISHER.encode()}


def test_patterns_name_files_by_their_folders(repository: Repository) -> None:
    repository.commit(
        {"a.md": "a", "docs/b.md": "b", "docs/deep/c.md": "c", "docs/.hidden.md": "d", "notes.txt": "e"}
    )
    commit = repository.commit({"docs/z.md": "a"})
    repository.push()
    found = fetch(repository, commit, "docs/*.md", "**/c.md", "a.md")
    assert list(fetched(found)) == ["a.md", "docs/b.md", "docs/deep/c.md", "docs/z.md"]
    assert list(fetched(fetch(repository, commit, "**/*.md"))) == list(fetched(found))


def test_a_server_that_cannot_leave_files_out_is_good_enough(repository: Repository) -> None:
    git(repository.bare, "config", "uploadpack.allowFilter", "false")
    older = repository.commit({"kingfisher.md": KINGFISHER})
    repository.commit({"heron.md": "Grey."})
    repository.push()
    assert fetched(fetch(repository, older)) == {"kingfisher.md": KINGFISHER.encode()}


def test_pdf_files_are_fetched_as_they_are(repository: Repository) -> None:
    content = b"%PDF-1.7\n" + bytes(range(256))
    commit = repository.commit({"kingfisher.pdf": content})
    repository.push()
    assert fetched(fetch(repository, commit, "*.pdf")) == {"kingfisher.pdf": content}


def test_only_what_is_needed_is_downloaded(repository: Repository) -> None:
    "A large file beside the document, and large files of the past, stay where they are."
    repository.commit({"film.bin": os.urandom(3_000_000)})
    older = repository.commit({"kingfisher.md": KINGFISHER})
    repository.commit({"film.bin": os.urandom(3_000_000)})
    repository.push()
    assert fetched(fetch(repository, older, download_bytes=200_000)) == {"kingfisher.md": KINGFISHER.encode()}


def test_twice_the_same_answer_and_nothing_left_behind(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit({f"{name}.md": name for name in ("wren", "heron", "teal")})
    repository.push()
    reference = DocumentReference(repository.url, commit, ("*.md",))
    answers = [
        fetch_documents(reference, reach_of(repository.host), resolve=on_loopback, scratch=tmp_path)
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert list(tmp_path.iterdir()) == []


def test_a_redirect_within_the_accepted_host_is_followed(repository: Repository, host: GitHost) -> None:
    "Some hosts send an address without .git to the one with it."
    commit = repository.commit({"kingfisher.md": KINGFISHER})
    repository.push()
    host.answers["/short/"] = _to(f"{repository.path}/info/refs?service=git-upload-pack")
    answer = fetch(repository, commit, url=f"https://git.birds.example:{host.port}/short/kingfisher")
    assert isinstance(answer, FetchedDocuments)
    assert answer.url == repository.url


def test_the_servers_address_is_looked_up_once(repository: Repository) -> None:
    "A name that means another address a moment later changes nothing: everybody goes where we looked."
    commit = repository.commit({"kingfisher.md": KINGFISHER})
    repository.push()
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    assert fetched(fetch(repository, commit, resolve=lambda host, port: answers.pop(0)))
    assert len(answers) == 1


def test_the_environment_of_whoever_runs_this_counts_for_nothing(
    repository: Repository, host: GitHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    "No proxy, no saved password, no configuration, no hook of this account has a part in it."
    commit = repository.commit({"kingfisher.md": KINGFISHER})
    repository.push()
    (tmp_path / ".netrc").write_text("machine git.birds.example login ana password secret\n")
    (tmp_path / ".gitconfig").write_text(
        f'[credential]\n\thelper = "!touch {tmp_path}/asked"\n[url "https://evil.example/"]\n\tinsteadOf = https://\n'
        f'[http]\n\textraHeader = "Authorization: Basic c2VjcmV0"\n'
    )
    for name, value in {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "GIT_SSL_NO_VERIFY": "1",
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_CONFIG_GLOBAL": str(tmp_path / ".gitconfig"),
        "GIT_TRACE": str(tmp_path / "trace"),
    }.items():
        monkeypatch.setenv(name, value)
    assert fetched(fetch(repository, commit))
    assert host.authorisations == []
    assert sorted(p.name for p in tmp_path.iterdir() if p.name in {"asked", "trace", "elsewhere"}) == []


def test_a_leaf_says_where_its_documents_lie() -> None:
    (leaf,) = knowledge_of(
        a_knowledge(document={"repo": REPO, "commit": COMMIT.upper(), "patterns": [" a.md "]})
    ).leaves
    assert reference_of(leaf) == DocumentReference(REPO, COMMIT, ("a.md",))


@pytest.mark.parametrize(
    "document", ["a text", {"repo": REPO}, {"repo": ["x"], "commit": COMMIT, "patterns": ["x"]}]
)
def test_a_block_in_another_shape_names_no_document(document: object) -> None:
    (leaf,) = knowledge_of(a_knowledge(document=document)).leaves
    assert reference_of(leaf) is None
    (skill,) = skill_of(a_skill()).leaves
    assert reference_of(skill) is None


def test_the_terms_follow_the_communitys_policy() -> None:
    policy = Policy(documents=Documents(allowed_hosts=("git.heron.dev",), allowed_suffixes=(".MD",)))
    assert DocumentReach.of(policy) == DocumentReach(("git.heron.dev",), (".md",))


def test_without_git_we_say_so(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    said = refused(fetch(repository, COMMIT, reach={}), "own-side", "could not verify")
    assert "git is not installed" in said


def test_a_file_of_authorities_that_is_not_there_is_our_own_trouble(repository: Repository, tmp_path: Path) -> None:
    answer = fetch(repository, COMMIT, reach={"ca_file": tmp_path / "missing.pem"})
    assert "authorities" in refused(answer, "own-side", "could not verify")


def test_a_full_disk_is_our_own_trouble(repository: Repository, tmp_path: Path) -> None:
    reference = DocumentReference(repository.url, COMMIT, ("a.md",))
    answer = fetch_documents(
        reference, reach_of(repository.host), DocumentLimits(), scratch=tmp_path / "missing", resolve=on_loopback
    )
    refused(answer, "own-side", "could not verify")


def _to(location: str):  # type: ignore[no-untyped-def]
    from aiohttp import web

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=301, headers={"Location": location})

    return redirect
