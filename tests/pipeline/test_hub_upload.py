"""Builds on a model hub: one commit, the build's files and nothing else, a tag by its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from huggingface_hub import constants
from typer.testing import CliRunner

from pipeline.build_files import MANIFEST
from pipeline.cli import cli
from pipeline.model_store import ModelStore
from tests.pipeline.hub_server import TOKEN, FakeHub, HubRepository, serving
from tests.pipeline.test_model_store import a_build, with_manifest

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the hub's own client

HUB_REPOSITORY = "community/otter-model"
NAME = "2026-01-05.1"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    "A hub without the storage that only one hub has: what HF_HUB_DISABLE_XET=1 says."
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with serving(FakeHub()) as hub:
        yield hub


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(str(tmp_path / "models"), 77)


def publishes(store: ModelStore, folder: Path, name: str = NAME, weights: bytes = b"weights" * 999) -> None:
    "A build with a card, served."
    a_build(folder, weights)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Build\n")
    store.point_latest(store.write(name, with_manifest(folder)))


def uploads(hub: FakeHub, store: ModelStore, *words: str, **settings: str) -> Result:
    env = {
        "MODEL_STORE_URL": store.url,
        "HUB_REPOSITORY": HUB_REPOSITORY,
        "HUB_TOKEN": TOKEN,
        "HUB_ENDPOINT": hub.url,
    } | settings
    named = {f"TAXONOMY_PIPELINE_{name}": value for name, value in env.items()}
    return CliRunner().invoke(cli, ["hub-upload", "--repository", "77", *words], env=named)


def test_what_is_served_is_uploaded_whole(hub: FakeHub, store: ModelStore, tmp_path: Path) -> None:
    "A repository is made, private; large files go their own way; the tag is the build's name."
    publishes(store, tmp_path / "build")
    said = uploads(hub, store)
    assert said.exit_code == 0, said.output
    repository = hub.repositories[HUB_REPOSITORY]
    assert f"{NAME} is on the hub: {hub.url}/{HUB_REPOSITORY}/commit/{repository.oid}" in said.output
    assert repository.is_private
    assert repository.commits == [f"Build {NAME}"]
    assert repository.tags == {NAME: repository.oid}
    assert set(repository.files) == {
        MANIFEST,
        "README.md",
        "config.json",
        "model.safetensors",
        "attribution/ab12.txt",
    }
    assert repository.files["model.safetensors"] == b"weights" * 999
    assert len(hub.blobs) == 1


def test_uploading_again_commits_nothing_new(hub: FakeHub, store: ModelStore, tmp_path: Path) -> None:
    publishes(store, tmp_path / "build")
    uploads(hub, store)
    again = uploads(hub, store, NAME)
    assert again.exit_code == 0, again.output
    assert len(hub.repositories[HUB_REPOSITORY].commits) == 1


def test_files_that_a_build_does_not_have_go(hub: FakeHub, store: ModelStore, tmp_path: Path) -> None:
    "What the hub keeps for itself stays."
    there = {"model-00001.safetensors": b"old", ".gitattributes": b"*.safetensors filter=lfs"}
    hub.repositories[HUB_REPOSITORY] = HubRepository(is_private=False, files=dict(there))
    publishes(store, tmp_path / "build")
    assert uploads(hub, store).exit_code == 0
    files = hub.repositories[HUB_REPOSITORY].files
    assert "model-00001.safetensors" not in files
    assert ".gitattributes" in files
    assert not hub.repositories[HUB_REPOSITORY].is_private


@pytest.mark.parametrize("step", ["preupload", "objects/batch", "/large/", "commit", "repos/create"])
def test_an_upload_that_fails_is_said_and_nobody_sees_half_of_it(
    hub: FakeHub, store: ModelStore, tmp_path: Path, step: str
) -> None:
    "At whichever step the hub fails, what was there is there still; the next try goes on."
    publishes(store, tmp_path / "build")
    hub.repositories[HUB_REPOSITORY] = HubRepository(is_private=True, files={"model.safetensors": b"before"})
    hub.fails_at = step
    said = uploads(hub, store)
    assert said.exit_code == 1
    assert f"The hub did not take {NAME} into {HUB_REPOSITORY}" in said.output
    assert TOKEN not in said.output
    assert "Traceback" not in said.output
    assert hub.repositories[HUB_REPOSITORY].files == {"model.safetensors": b"before"}
    hub.fails_at = ""
    assert uploads(hub, store).exit_code == 0
    assert hub.repositories[HUB_REPOSITORY].tags


def test_a_wrong_token_is_said_and_never_shown(hub: FakeHub, store: ModelStore, tmp_path: Path) -> None:
    publishes(store, tmp_path / "build")
    said = uploads(hub, store, HUB_TOKEN="hub-token-that-is-wrong")
    assert said.exit_code == 1
    assert "401" in said.output
    assert "hub-token-that-is-wrong" not in said.output
    assert hub.repositories == {}


def test_a_hub_that_is_not_there_is_said(store: ModelStore, tmp_path: Path, hub: FakeHub) -> None:
    publishes(store, tmp_path / "build")
    said = uploads(hub, store, HUB_ENDPOINT="http://127.0.0.1:9")
    assert said.exit_code == 1
    assert "The hub did not take" in said.output


def test_a_damaged_build_is_not_uploaded(hub: FakeHub, store: ModelStore, tmp_path: Path) -> None:
    publishes(store, tmp_path / "build")
    (tmp_path / "models" / "77" / "builds" / NAME / "config.json").write_text("[]")
    said = uploads(hub, store)
    assert said.exit_code == 1
    assert "config.json of 2026-01-05.1 is damaged" in said.output
    assert hub.asked == []


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        ((), {"HUB_TOKEN": ""}, "No hub is set"),
        ((), {"HUB_REPOSITORY": ""}, "No hub is set"),
        ((), {"HUB_REPOSITORY": "../x"}, "TAXONOMY_PIPELINE_HUB_REPOSITORY"),
        ((), {"HUB_ENDPOINT": "ftp://x"}, "TAXONOMY_PIPELINE_HUB_ENDPOINT"),
        (("2026-02-01.1",), {}, "There is no build '2026-02-01.1' of repository 77"),
        (("../etc",), {}, "A build has a name of"),
        ((), {}, "Nothing is served yet"),
        (("--repository", "0"), {}, "Whose build?"),
    ],
)
def test_what_cannot_be_uploaded_is_said(
    hub: FakeHub, store: ModelStore, words: tuple[str, ...], settings: dict[str, str], said: str
) -> None:
    answer = uploads(hub, store, *words, **settings)
    assert answer.exit_code in (1, 2)
    assert said in answer.output
    assert hub.asked == []
