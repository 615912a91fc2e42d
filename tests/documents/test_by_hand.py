"""`taxonomy-pipeline generate` by hand fetches the documents itself, also from a git server of an own network."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import cli
from pipeline.tiny import MODEL_ID
from pipeline.tiny.process import OfflineTeacherProcess
from tests.documents.git_host import NAME, GitHost, Repository
from tests.sdg.leaves import KNOWLEDGE, MARS

_PREFIX = "TAXONOMY_PIPELINE_"
_ATTRIBUTION = """Title of work: Mars and its moons
Link to work: https://birds.example/mars
License of the work: CC-BY-4.0
Creator names: Ana

Title of work: Notes about Phobos
Link to work: https://birds.example/phobos
License of the work: CC0-1.0
Creator names: Ben
"""


@pytest.fixture(scope="module")
def teacher() -> Iterator[str]:
    "The address of the offline teacher."
    with asyncio.Runner() as runner:
        process = OfflineTeacherProcess()
        runner.run(process.__aenter__())
        yield process.url
        runner.run(process.__aexit__(None, None, None))


@pytest.fixture
def leaf(tmp_path: Path, repository: Repository) -> Path:
    "A leaf that names a document of the repository, with its attribution."
    commit = repository.commit({"mars.md": "# Mars\n\n" + "\n\n".join(MARS) + "\n"})
    repository.push()
    folder = tmp_path / "taxonomy" / "knowledge" / "science" / "mars"
    folder.mkdir(parents=True)
    named = f"document:\n  repo: {repository.url}\n  commit: {commit}\n  patterns: [mars.md]\n"
    (folder / "qna.yaml").write_text(KNOWLEDGE + named)
    (folder / "attribution.txt").write_text(_ATTRIBUTION)
    return folder / "qna.yaml"


@pytest.fixture
def own_network(monkeypatch: pytest.MonkeyPatch, host: GitHost) -> None:
    "What an operator sets for a git server in a network of their own, whose names know the server."
    look_up = socket.getaddrinfo

    def known(name: Any, port: Any, *more: Any, **others: Any) -> Any:
        return look_up("127.0.0.1" if name == NAME else name, port, *more, **others)

    monkeypatch.setattr(socket, "getaddrinfo", known)
    monkeypatch.setenv(f"{_PREFIX}DOCUMENT_HOSTS", f"github.com, {NAME}:{host.port}")
    monkeypatch.setenv(f"{_PREFIX}DOCUMENT_NETWORKS", "10.0.0.0/8, 127.0.0.0/8")
    monkeypatch.setenv(f"{_PREFIX}DOCUMENT_CA_FILE", str(host.ca_file))


Generated = Callable[..., Result]


@pytest.fixture
def generated(tmp_path: Path, teacher: str) -> Generated:
    "Run the command over a leaf."

    def run(leaf: Path, *more: str) -> Result:
        asking = ("--teacher-url", teacher, "--teacher-model", MODEL_ID, "--out", str(tmp_path / "out"))
        return CliRunner().invoke(cli, ["generate", str(leaf), *asking, *more])

    return run


@pytest.mark.usefixtures("own_network")
def test_samples_are_made_from_a_document_of_an_own_git_server(
    leaf: Path, generated: Generated, tmp_path: Path, repository: Repository, host: GitHost
) -> None:
    "The manifest names the document's commit and the licences of all sources; the document is fetched only once."
    result = generated(leaf)
    assert result.exit_code == 0, result.stderr
    made = tmp_path / "out" / "knowledge" / "science" / "mars"
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["generated"] > 0
    assert manifest["licences"] == ["CC-BY-4.0", "CC0-1.0"]
    assert manifest["document"]["repository"] == repository.url
    assert len(manifest["document"]["commit"]) == 40
    host.asked.clear()
    again = generated(leaf)
    assert "Nothing to do" in again.stdout
    assert host.asked == []


@pytest.mark.usefixtures("own_network")
@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("DOCUMENT_HOSTS", "The document's address cannot be used"),
        ("DOCUMENT_NETWORKS", "127.0.0.1, which is not public and in no network you allow"),
        ("DOCUMENT_CA_FILE", "is not trusted"),
    ],
)
def test_without_its_setting_it_is_refused_and_the_setting_is_named(
    leaf: Path, generated: Generated, monkeypatch: pytest.MonkeyPatch, missing: str, says: str
) -> None:
    "No setting stands for another, and there is none that switches a check off."
    monkeypatch.delenv(_PREFIX + missing)
    result = generated(leaf)
    assert result.exit_code == 2
    words = " ".join(result.stderr.split())
    assert says in words
    assert f"A git server of your own is let in by {_PREFIX}{missing}." in words
    assert "--documents FOLDER" in words


def test_a_setting_that_cannot_be_read_is_named(
    leaf: Path, generated: Generated, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Before anything is asked."
    monkeypatch.setenv(f"{_PREFIX}DOCUMENT_NETWORKS", "10.0.0.0/8,my-network")
    result = generated(leaf)
    assert result.exit_code == 2
    assert f"{_PREFIX}DOCUMENT_NETWORKS: " in result.stderr


@pytest.mark.usefixtures("own_network")
def test_authorities_that_are_not_there_are_no_reason_to_trust_nobody_or_all(
    leaf: Path, generated: Generated, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    "The file is missing: nothing is fetched, and the words say what cannot be read."
    monkeypatch.setenv(f"{_PREFIX}DOCUMENT_CA_FILE", str(tmp_path / "none.pem"))
    result = generated(leaf)
    assert result.exit_code == 2
    assert "none.pem" in "".join(result.stderr.split())


def test_documents_of_a_folder_need_no_server(
    leaf: Path, generated: Generated, tmp_path: Path, host: GitHost
) -> None:
    "Whoever has them gives the folder, and nobody is asked."
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "mars.md").write_text("# Mars\n\n" + "\n\n".join(MARS))
    assert generated(leaf, "--documents", str(folder)).exit_code == 0
    assert host.asked == []
