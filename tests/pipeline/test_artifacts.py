"""The artifact store: whole or not at all, verified when read, in a folder and in a bucket alike."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifacts import (
    ArtifactCorruptError,
    ArtifactMissingError,
    ArtifactStore,
    ArtifactStoreError,
    plain_name,
)
from pipeline.contract import Artifact

_A_WRITER = """
import sys
from pathlib import Path
from pipeline.artifacts import ArtifactStore

store = ArtifactStore(sys.argv[1])
for path in sys.argv[2:]:
    print(store.put("model.safetensors", Path(path)).sha256, flush=True)
"""

LARGE = 70 * 2**20  # more than one part of an upload


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "folder":
        return ArtifactStore(str(tmp_path / "store"))
    request.getfixturevalue("s3")
    return a_bucket()


def a_bucket() -> ArtifactStore:
    bucket = f"bucket-{secrets.token_hex(4)}"
    fsspec.filesystem("s3", use_listings_cache=False).mkdir(bucket)
    return ArtifactStore(f"s3://{bucket}/some/folder")


def damaged(store: ArtifactStore, artifact: Artifact, content: bytes) -> None:
    "A disk or a person puts other content under the artifact's name."
    sha = artifact.sha256
    fsspec.core.url_to_fs(store.url)[0].pipe_file(
        f"{store.url.removeprefix('s3://')}/sha256/{sha[:2]}/{sha[2:4]}/{sha}", content
    )


def test_what_is_stored_comes_back(store: ArtifactStore, tmp_path: Path) -> None:
    "Bytes and files are named by their hash, and come back as bytes and as files."
    artifact = store.put("report.json", b"{}", "application/json")
    assert artifact == Artifact("report.json", hashlib.sha256(b"{}").hexdigest(), 2, "application/json")
    assert store.get(artifact) == b"{}"
    store.fetch(artifact, tmp_path / "fetched.json")
    assert (tmp_path / "fetched.json").read_bytes() == b"{}"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["fetched.json"]


def test_large_files_are_stored_in_parts(store: ArtifactStore, tmp_path: Path) -> None:
    "A file of many parts comes back as it was; so does an empty one."
    model = tmp_path / "model"
    model.write_bytes(os.urandom(2**20) * (LARGE // 2**20) + b"the end")
    artifact = store.put("model", model)
    store.fetch(artifact, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == model.read_bytes()
    assert store.get(store.put("nothing", b"")) == b""


def test_the_same_content_is_stored_once(store: ArtifactStore) -> None:
    "Two names of one content share what is stored."
    first, second = store.put("one", b"the same"), store.put("another", b"the same")
    assert first.sha256 == second.sha256
    assert [(found.sha256, found.size) for found in store.listing()] == [(first.sha256, 8)]


def test_other_content_is_found_out(store: ArtifactStore, tmp_path: Path) -> None:
    "Neither another size nor other content of the same size is ever handed out as the artifact."
    artifact = store.put("data.jsonl", b"what was stored")
    for content, said in ((b"what was", "8 bytes lie there, 15 were stored"), (b"what was STORED", "not what was")):
        damaged(store, artifact, content)
        with pytest.raises(ArtifactCorruptError, match=said):
            store.get(artifact)
        with pytest.raises(ArtifactCorruptError):
            store.fetch(artifact, tmp_path / "fetched")
    assert not [p for p in tmp_path.iterdir() if p.is_file()]


def test_storing_again_mends_what_was_cut_off(store: ArtifactStore) -> None:
    "What is there in another size is written anew, for the right bytes are at hand."
    artifact = store.put("data.jsonl", b"what was stored")
    damaged(store, artifact, b"what")
    assert not store.exists(artifact)
    store.put("data.jsonl", b"what was stored")
    assert store.get(artifact) == b"what was stored"


def test_what_is_missing_is_said_to_be_missing(store: ArtifactStore) -> None:
    "Nothing stored, and deleted again, are the same to a reader."
    artifact = Artifact("data.jsonl", "ab" * 32, 5)
    with pytest.raises(ArtifactMissingError, match=r"data\.jsonl \(abababababab\) is not in the artifact store"):
        store.get(artifact)
    stored = store.put("data.jsonl", b"12345")
    assert store.exists(stored)
    assert store.delete(stored.sha256)
    assert not store.exists(stored)
    assert not store.delete(stored.sha256)
    assert list(store.listing()) == []


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "a" * 64 + "/..",
        "",
        ".",
        "AB" * 32,
        "ab" * 32 + "\n",
        "ab" * 31,
        "\0" * 64,
    ],
)
def test_a_hostile_hash_is_no_path(store: ArtifactStore, tmp_path: Path, name: str) -> None:
    "A worker's message that names anything but a hash reads, finds and deletes nothing."
    hostile = Artifact("x", name, 5)
    assert not store.exists(hostile)
    assert not store.delete(name)
    with pytest.raises(ArtifactMissingError):
        store.get(hostile)


@given(st.text() | st.from_regex(r"[./\\\s\"';A-Za-z]{90,120}\.[a-z]{1,9}"))
def test_every_name_becomes_a_plain_one(name: str) -> None:
    "Whatever a worker calls it, the name is safe in a path, a header and an address; plain again, it is the same."
    plain = plain_name(name)
    assert 0 < len(plain) <= 100
    assert plain.isascii()
    assert set(plain) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert plain[0] not in "._-"
    assert plain_name(plain) == plain


def test_plain_names_stay_readable() -> None:
    "What is plain already stays; a long name keeps its ending."
    assert plain_name("train-2.jsonl") == "train-2.jsonl"
    assert plain_name("../../.ssh/id rsa") == "ssh_id_rsa"
    assert plain_name("Ä" * 9) == "artifact"
    assert plain_name("a" * 300 + ".jsonl").endswith("a.jsonl")


def test_files_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    "The listing names only what the store has written."
    store = ArtifactStore(str(tmp_path))
    (tmp_path / "sha256/ab/cd").mkdir(parents=True)
    (tmp_path / "sha256/ab/cd/notes.txt").write_text("mine")
    (tmp_path / "sha256/ab/cd" / ("ef" * 32)).write_text("in the wrong folder")
    (tmp_path / "sha256/ab/cd" / ("abcd" + "e" * 60)).mkdir()
    assert list(store.listing()) == []


def test_storing_again_makes_it_new(tmp_path: Path) -> None:
    "What has just been stored again is not taken away by a clean-up that saw it old."
    store = ArtifactStore(str(tmp_path))
    artifact = store.put("x", b"content")
    file = next(p for p in tmp_path.rglob(artifact.sha256))
    os.utime(file, (0, 0))
    seen = next(store.listing())
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert seen.modified < an_hour_ago

    store.put("x", b"content")

    assert not store.delete(seen.sha256, unless_stored_since=an_hour_ago)
    assert store.get(artifact) == b"content"
    os.utime(file, (0, 0))
    assert store.delete(seen.sha256, unless_stored_since=an_hour_ago)


def test_a_file_that_changes_while_it_is_stored_is_refused(store: ArtifactStore, tmp_path: Path) -> None:
    "Nothing is ever stored under the hash of something else."
    log = tmp_path / "log"
    log.write_bytes(b"the first line")

    class Busy(ArtifactStore):
        "Somebody writes to the file between the reading that names it and the one that stores it."

        def _is_there_and_marked(self, artifact: Artifact) -> bool:
            with log.open("ab") as file:
                file.write(b"another line")
            return super()._is_there_and_marked(artifact)

    with pytest.raises(ArtifactStoreError, match="log changed while it was being stored"):
        Busy(store.url).put("log", log)
    assert list(store.listing()) == []
    assert store.clear_unfinished(datetime.now(UTC)) == []


async def test_a_writer_that_is_killed_leaves_no_half_artifact(tmp_path: Path) -> None:
    "After kill -9 in the middle of a write there is a leftover beside the store, and nothing in it."
    model = tmp_path / "model"
    with model.open("wb") as file:
        file.truncate(400 * 2**20)
    incoming = tmp_path / "store" / "incoming"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _A_WRITER, str(tmp_path / "store"), str(model), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        while not any(p.stat().st_size for p in incoming.glob("*")):
            await asyncio.sleep(0.001)
    writer.send_signal(signal.SIGKILL)
    said, _ = await writer.communicate()

    store = ArtifactStore(str(tmp_path / "store"))
    assert said == b"", "it was not killed in the middle"
    assert list(store.listing()) == []
    an_hour_ago, now = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC)
    assert store.clear_unfinished(an_hour_ago) == [], "somebody might still be writing it"
    assert len(store.clear_unfinished(now, dry_run=True)) == 1
    assert len(store.clear_unfinished(now)) == 1
    assert store.clear_unfinished(datetime.now(UTC)) == []


@pytest.mark.parametrize(
    "make", [lambda path: str(path / "store"), lambda _: a_bucket().url], ids=["folder", "bucket"]
)
async def test_writers_at_once_do_not_disturb_each_other(
    s3: str, tmp_path: Path, make: Callable[[Path], str]
) -> None:
    "Processes that store the same files in different orders all succeed, and what is there is right."
    files = [tmp_path / f"file-{n}" for n in range(4)]
    for n, file in enumerate(files):
        file.write_bytes(bytes([n]) * 3_000_000)
    url = make(tmp_path)
    orders = list(itertools.permutations(map(str, files)))[::8]
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _A_WRITER, url, *order, stdout=asyncio.subprocess.PIPE
        )
        for order in orders
    ]
    for writer in writers:
        said, _ = await writer.communicate()
        assert len(said.split()) == len(files)
    store = ArtifactStore(url)
    stored = list(store.listing())
    assert {found.sha256 for found in stored} == {hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
    for found in stored:
        store.get(Artifact("x", found.sha256, found.size))
    assert store.clear_unfinished(datetime.now(UTC)) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.org/store", "only folders and s3:// addresses"),
        ("simplecache::s3://bucket/x", "only folders and s3:// addresses"),
        ("s3://", "names no folder and no bucket"),
        ("", "names no folder and no bucket"),
    ],
)
def test_an_address_that_is_none_is_refused_at_once(url: str, said: str) -> None:
    "An operator's mistake is named before anything is stored."
    with pytest.raises(ArtifactStoreError, match=said):
        ArtifactStore(url)


def test_without_the_extra_a_bucket_is_refused_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    "A machine without s3fs is told what to install."
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(ArtifactStoreError, match=r'pip install "taxonomy-bot\[s3\]"'):
        ArtifactStore("s3://bucket/folder")


def test_a_store_that_cannot_be_used_is_no_missing_artifact(s3: str, tmp_path: Path) -> None:
    "A bucket that does not exist, or a file where the folder should be: the store is at fault, and says how."
    with pytest.raises(ArtifactStoreError, match="bucket does not exist"):
        ArtifactStore("s3://no-such-bucket/folder").put("x", b"content")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtifactStoreError, match="cannot be used"):
        ArtifactStore(str(tmp_path / "file")).put("x", b"content")


def test_a_changed_size_in_the_message_is_found_out(store: ArtifactStore) -> None:
    "A message that names the hash but lies about the size gets nothing."
    artifact = store.put("x", b"content")
    with pytest.raises(ArtifactCorruptError):
        store.get(replace(artifact, size=3))
