"""The store of models: a build is there whole or not at all, and stays as it was published."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifact_places import PlaceError, place_at
from pipeline.build_files import (
    MANIFEST,
    BuildFilesError,
    canonical,
    checked_name,
    files_in,
    files_named,
    is_plain_path,
)
from pipeline.build_orders import PublishedBuild
from pipeline.model_store import (
    BuildDamagedError,
    BuildMissingError,
    BuildRefusedError,
    ModelStore,
    StoreUnusableError,
)

REPOSITORY = 77
NAME = "2026-01-05.1"


@pytest.fixture(params=["folder", "bucket"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    "The address of an empty store."
    if request.param == "folder":
        return str(tmp_path / "models")
    request.getfixturevalue("s3")
    bucket = f"bucket-{secrets.token_hex(4)}"
    fsspec.filesystem("s3", use_listings_cache=False).mkdir(bucket)
    return f"s3://{bucket}/some/folder"


@pytest.fixture
def store(url: str) -> ModelStore:
    return ModelStore(url, REPOSITORY)


def a_build(folder: Path, weights: bytes = b"weights", **said: Any) -> Path:
    "A folder as the package step makes it."
    (folder / "attribution").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text("{}")
    (folder / "attribution" / "ab12.txt").write_text("Title of work: The otter")
    return with_manifest(folder, **said)


def with_manifest(folder: Path, **said: Any) -> Path:
    "The folder with a manifest of what is in it."
    files = [{"path": file.path, "sha256": file.sha256, "size": file.size} for file in files_in(folder)]
    (folder / MANIFEST).write_bytes(canonical({"files": files, **said}))
    return folder


def damaged(url: str, path: str, content: bytes | None) -> None:
    "A file gets other content behind our back, or goes."
    if content is None:
        place_at(url).remove(f"{REPOSITORY}/{path}")
    else:
        place_at(url).write(f"{REPOSITORY}/{path}", [content])


def lies_there(url: str, path: str) -> bool:
    "Whether a file is in the store, listed or not."
    return place_at(url).find(f"{REPOSITORY}/{path}") is not None


class DyingPlace:
    "A store that dies after some files have been written."

    def __init__(self, url: str, lives: int) -> None:
        self._place = place_at(url)
        self._lives = lives
        self.written: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place, name)

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        if not self._lives:
            raise PlaceError("OSError: [Errno 28] No space left on device")
        self._lives -= 1
        self._place.write(key, chunks)
        self.written.append(key.rpartition("/")[2])


def test_what_is_published_comes_back(store: ModelStore, tmp_path: Path) -> None:
    "Every file, as it was, and nothing else; the name is listed."
    folder = a_build(tmp_path / "build", os.urandom(3 * 2**20), seed=42)
    published = store.write(NAME, folder)
    assert store.names() == [NAME]
    assert store.find(NAME) == published
    store.check(published, every_byte=True)
    store.fetch(published, tmp_path / "fetched")
    assert files_in(tmp_path / "fetched") == files_in(folder)
    assert (tmp_path / "fetched" / MANIFEST).read_bytes() == store.manifest(published)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_repositories_do_not_see_each_other(url: str, tmp_path: Path) -> None:
    "Each has its own builds of a night, and its own latest one."
    one, other = ModelStore(url, 1), ModelStore(url, 2)
    published = one.write(NAME, a_build(tmp_path / "one", b"1"))
    one.point_latest(published)
    assert other.names() == []
    assert other.latest() is None
    assert other.write(NAME, a_build(tmp_path / "other", b"2")) != published


@pytest.mark.parametrize("lives", range(4))
def test_a_publish_that_fails_half_way_is_not_there_and_goes_on(
    url: str, store: ModelStore, tmp_path: Path, lives: int
) -> None:
    "The store dies after some files: no build is there. Later the rest is written, and nothing twice."
    folder = a_build(tmp_path / "build")
    dying = ModelStore(url, REPOSITORY)
    dying._place = DyingPlace(url, lives)  # type: ignore[assignment]
    with pytest.raises(StoreUnusableError, match="No space left on device"):
        dying.write(NAME, folder)
    assert (store.names(), store.find(NAME)) == ([], None)

    again = DyingPlace(url, 99)
    dying._place = again  # type: ignore[assignment]
    published = dying.write(NAME, folder)
    assert len(again.written) == 4 - lives
    assert again.written[-1] == MANIFEST
    store.check(published, every_byte=True)


def test_an_unfinished_build_of_other_content_leaves_nothing_behind(
    url: str, store: ModelStore, tmp_path: Path
) -> None:
    "What another try had written and this one does not have goes before the build appears."
    damaged(url, f"builds/{NAME}/model-00001.safetensors", b"of another try")
    damaged(url, f"builds/{NAME}/model.safetensors", b"WEIGHTS")  # in the right size
    published = store.write(NAME, a_build(tmp_path / "build"))
    store.check(published, every_byte=True)
    assert not lies_there(url, f"builds/{NAME}/model-00001.safetensors")


def test_publishing_again_mends(url: str, store: ModelStore, tmp_path: Path) -> None:
    "The same folder under the same name puts damaged and missing files right."
    folder = a_build(tmp_path / "build")
    published = store.write(NAME, folder)
    damaged(url, f"builds/{NAME}/model.safetensors", b"WEIGHTS")
    damaged(url, f"builds/{NAME}/config.json", None)
    assert store.write(NAME, folder) == published
    store.check(published, every_byte=True)


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("model.safetensors", b"WEIGHTS", "model.safetensors of 2026-01-05.1 is damaged .* its content"),
        ("model.safetensors", b"half", "4 bytes lie there, 7 were published"),
        ("attribution/ab12.txt", None, "attribution/ab12.txt of 2026-01-05.1 is gone"),
        (MANIFEST, b"{}", "is not the one that was published .*Somebody changed it"),
    ],
)
def test_what_was_changed_is_found(
    url: str, store: ModelStore, tmp_path: Path, path: str, content: bytes | None, said: str
) -> None:
    "No byte that was not published is ever handed out, and nothing appears where it was asked for."
    published = store.write(NAME, a_build(tmp_path / "build"))
    damaged(url, f"builds/{NAME}/{path}", content)
    with pytest.raises(BuildDamagedError, match=said):
        store.check(published, every_byte=True)
    with pytest.raises(BuildDamagedError, match=said):
        store.fetch(published, tmp_path / "fetched")
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("models", "build")] == []


def test_a_build_without_its_manifest_is_not_there(url: str, store: ModelStore, tmp_path: Path) -> None:
    "Whoever asks is told that it is not there, or not whole."
    published = store.write(NAME, a_build(tmp_path / "build"))
    damaged(url, f"builds/{NAME}/{MANIFEST}", None)
    with pytest.raises(BuildMissingError, match="is not in the store of models, or not whole"):
        store.check(published)
    assert store.names() == []


def test_a_name_belongs_to_one_build_for_ever(store: ModelStore, tmp_path: Path) -> None:
    "Other content under the name of a build that is there is refused; what is there stays."
    published = store.write(NAME, a_build(tmp_path / "build"))
    with pytest.raises(BuildRefusedError, match="with other content"):
        store.write(NAME, a_build(tmp_path / "other", b"OTHER"))
    store.check(published, every_byte=True)


def test_a_folder_has_to_be_what_its_manifest_says(store: ModelStore, tmp_path: Path) -> None:
    "A file more, one less, another content, a link: nothing is published."
    changes: tuple[tuple[Callable[[Path], object], str], ...] = (
        (lambda folder: (folder / "notes.txt").write_text("x"), "names other files"),
        (lambda folder: (folder / "config.json").unlink(), "names other files"),
        (lambda folder: (folder / "passwd").symlink_to("/etc/passwd"), "names other files"),
        (lambda folder: (folder / "config.json").write_text("[]"), "is not what its manifest says"),
        (lambda folder: (folder / MANIFEST).write_text("nothing"), "is not JSON"),
    )
    for number, (change, said) in enumerate(changes):
        folder = a_build(tmp_path / str(number))
        change(folder)
        with pytest.raises(BuildRefusedError, match=said):
            store.write(NAME, folder)
    assert store.names() == []


def test_latest_names_one_build_for_every_reader(url: str, store: ModelStore, tmp_path: Path) -> None:
    "Before anything is promoted there is none; then always a whole pointer; what is no pointer is said."
    assert store.latest() is None
    first = store.write(NAME, a_build(tmp_path / "1", b"1"))
    second = store.write("2026-01-06.1", a_build(tmp_path / "2", b"2"))
    for published in (first, second, first):
        store.point_latest(published)
        assert ModelStore(url, REPOSITORY).latest() == published
    for content in (b"", b"[]", b'{"name": "../x", "manifest_sha256": ""}', b"x" * 5000):
        damaged(url, "latest.json", content)
        with pytest.raises(BuildDamagedError):
            store.latest()
    store.point_latest(second)
    assert store.latest() == second


def test_what_is_served_cannot_be_removed(store: ModelStore, tmp_path: Path) -> None:
    "Any other build can, and is gone whole."
    first = store.write(NAME, a_build(tmp_path / "1", b"1"))
    second = store.write("2026-01-06.1", a_build(tmp_path / "2", b"2"))
    store.point_latest(second)
    with pytest.raises(BuildRefusedError, match=r"2026-01-06\.1 is what latest\.json names"):
        store.remove(second.name)
    assert store.remove(first.name)
    assert not store.remove(first.name)
    assert store.names() == [second.name]
    with pytest.raises(BuildMissingError):
        store.manifest(first)


def test_only_old_unfinished_builds_are_cleaned_up(url: str, store: ModelStore, tmp_path: Path) -> None:
    "One that is just being written stays, and so does every whole one."
    published = store.write(NAME, a_build(tmp_path / "build"))
    damaged(url, "builds/2026-01-04.1/model.safetensors", b"half")
    now = datetime.now(UTC)
    assert store.remove_unfinished(now - timedelta(days=1)) == []
    assert store.remove_unfinished(now + timedelta(days=1)) == ["2026-01-04.1"]
    store.check(published)
    assert not lies_there(url, "builds/2026-01-04.1/model.safetensors")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../1", "a/b", "/etc", "a\0", "2026-01-05.1\n", ".hidden", "é", "a" * 101, "a b"]
)
def test_a_hostile_name_is_no_path(store: ModelStore, tmp_path: Path, name: str) -> None:
    "Nothing is read, written or removed under it."
    hostile = PublishedBuild(name, "ab" * 32)
    folder = a_build(tmp_path / "build")
    for attempt in (
        lambda: store.write(name, folder),
        lambda: store.find(name),
        lambda: store.remove(name),
        lambda: store.check(hostile),
        lambda: store.fetch(hostile, tmp_path / "fetched"),
        lambda: store.point_latest(hostile),
    ):
        with pytest.raises(BuildRefusedError, match="A-Z a-z 0-9"):
            attempt()
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    "path", ["../../latest.json", "/etc/passwd", ".hidden", "a//b", "manifest.json", "a\\..\\b"]
)
def test_a_hostile_path_in_a_manifest_is_refused(url: str, store: ModelStore, tmp_path: Path, path: str) -> None:
    "Even one whose hash is as recorded writes nothing outside."
    manifest = canonical({"files": [{"path": path, "sha256": "ab" * 32, "size": 1}]})
    damaged(url, f"builds/{NAME}/{MANIFEST}", manifest)
    published = store.find(NAME)
    assert published is not None
    with pytest.raises(BuildDamagedError, match="cannot be used"):
        store.fetch(published, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_fetching_over_something_is_refused(store: ModelStore, tmp_path: Path) -> None:
    "What is in a folder already stays as it is."
    published = store.write(NAME, a_build(tmp_path / "build"))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("mine")
    with pytest.raises(OSError, match="not empty"):
        store.fetch(published, tmp_path / "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("url", ["", "s3://", "ftp://somewhere/x"])
def test_an_address_that_cannot_be_one_is_said_at_once(url: str) -> None:
    with pytest.raises(StoreUnusableError, match="cannot be used"):
        ModelStore(url, REPOSITORY)


@given(st.text())
def test_no_text_is_a_way_out_of_a_folder(text: str) -> None:
    "What is taken for a path or a name stays below the folder, and is not hidden."
    if is_plain_path(text):
        assert not Path(text).is_absolute()
        assert not any(part.startswith(".") or part in ("", "..") for part in text.split("/"))
    with suppress(BuildFilesError):
        assert "/" not in checked_name(text)


@given(
    st.binary()
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda c: st.lists(c) | st.dictionaries(st.sampled_from(["files", "path", "sha256", "size"]), c),
    ).map(canonical)
)
def test_no_manifest_breaks_its_reader(manifest: bytes) -> None:
    "It is read, or refused."
    with suppress(BuildFilesError):
        files_named(manifest)
