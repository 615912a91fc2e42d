"""The store of models: whole builds by their names, in a folder or a bucket, and one pointer to the latest."""

from __future__ import annotations

import json
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pipeline.artifact_places import PlaceError, StoredFile, place_at
from pipeline.build_files import (
    MANIFEST,
    MOST_MANIFEST_BYTES,
    BuildFile,
    BuildFilesError,
    canonical,
    checked_name,
    files_named,
    is_plain_path,
    sha256_of,
)
from pipeline.build_orders import PublishedBuild
from pipeline.tally import Tally, chunks_of, measured

LATEST = "latest.json"
_BUILDS = "builds"
_MOST_POINTER_BYTES = 4096


class ModelStoreError(Exception):
    """Something is wrong with a build or its store; the text says what, and is for operators.

    ModelStoreError
    ├── BuildMissingError        no build of this name is there whole
    ├── BuildDamagedError        what lies there is not what was published: nobody may use it
    ├── BuildRefusedError        this cannot be published or removed, and trying again changes nothing
    └── StoreUnusableError       the store cannot be used now, or not with these settings
    """


class BuildMissingError(ModelStoreError):
    """No build of this name is there whole."""


class BuildDamagedError(ModelStoreError):
    """What lies there is not what was published."""


class BuildRefusedError(ModelStoreError):
    """This cannot be published or removed."""


class StoreUnusableError(ModelStoreError):
    """The store itself cannot be used."""


class ModelStore:
    """The builds of one repository. Make one in each process: the connection to a bucket survives no fork.

    A build is a folder whose manifest names every file with its hash. The manifest is written last and removed
    first, so a build without one is not there. Below the address: `<repository>/builds/<name>/<files>`, and
    `<repository>/latest.json`, which names the build that is served.
    """

    def __init__(self, url: str, repository_id: int) -> None:
        """Open the store in a folder, or at `s3://BUCKET/FOLDER`; nothing is made or asked yet.

        Raises StoreUnusableError for an address that cannot be one.
        """
        self.url = url
        self._root = str(int(repository_id))
        with self._plainly():
            self._place = place_at(url)

    def write(self, name: str, folder: Path) -> PublishedBuild:
        """Publish a folder whose manifest names all its files. Nothing points at it yet.

        Doing it again writes what is missing or damaged, and nothing else. Raises BuildRefusedError for a folder
        that is not as its manifest says and for a name that another build has, StoreUnusableError, and OSError.
        """
        manifest, files = self._read_folder(name, folder)
        published = PublishedBuild(name, sha256_of(manifest))
        there = self.find(name)
        if there not in (None, published):
            raise BuildRefusedError(
                f"{name} is in the store of models already, with other content. A build is never changed: "
                "build anew, which gives it the next number."
            )
        for file in files:
            self._write_file(name, file, folder / file.path)
        if there is None:
            self._remove_strays(name, {file.path for file in files})
            with self._plainly():
                self._place.write(self._key(name, MANIFEST), [manifest])
        return published

    def find(self, name: str) -> PublishedBuild | None:
        """Return the build of a name as its manifest is now; None when it is not there whole."""
        manifest = self._manifest(_checked(name))
        return PublishedBuild(name, sha256_of(manifest)) if manifest is not None else None

    def names(self) -> list[str]:
        """Return the names of the builds that are there whole, sorted."""
        return sorted(name for name, files in self._by_name().items() if MANIFEST in files)

    def manifest(self, published: PublishedBuild) -> bytes:
        """Return a build's manifest, verified. Raises BuildMissingError, BuildDamagedError, StoreUnusableError."""
        manifest = self._manifest(_checked(published.name))
        if manifest is None:
            raise BuildMissingError(
                f"{published.name} is not in the store of models, or not whole. The store is {self.url}: bot and "
                "workers need the same MODEL_STORE_URL."
            )
        if sha256_of(manifest) != published.manifest_sha256:
            raise BuildDamagedError(
                f"The manifest of {published.name} in the store of models is not the one that was published "
                f"({published.manifest_sha256[:12]}). Somebody changed it: do not use this build."
            )
        return manifest

    def files(self, published: PublishedBuild) -> tuple[BuildFile, ...]:
        """Return the files of a build besides its manifest. Raises as `manifest` does."""
        return _named(self.manifest(published), published.name)

    def read(self, published: PublishedBuild, file: BuildFile) -> bytes:
        """Return one of the small files of a build, verified. Raises as `manifest` does."""
        with self._plainly(file.path):
            content = b"".join(self._place.read(self._key(published.name, file.path)))
        if (sha256_of(content), len(content)) != (file.sha256, file.size):
            raise BuildDamagedError(_other_content(published.name, file.path))
        return content

    def check(self, published: PublishedBuild, *, every_byte: bool = False) -> None:
        """Look whether a build is there as it was published: each file in its size, or its content, too.

        Raises as `manifest` does.
        """
        for file in self.files(published):
            with self._plainly():
                found = self._place.find(self._key(published.name, file.path))
            self._verify_size(published.name, file, found)
            if every_byte and not self._holds(published.name, file):
                raise BuildDamagedError(_other_content(published.name, file.path))

    def fetch(self, published: PublishedBuild, folder: Path) -> None:
        """Bring a build into a folder, which appears whole and verified or not at all.

        Raises as `manifest` does, and OSError when the folder is there with something in it or cannot be written.
        """
        manifest = self.manifest(published)
        temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
        try:
            temporary.mkdir(parents=True)
            for file in _named(manifest, published.name):
                self._fetch_file(published.name, file, temporary / file.path)
            (temporary / MANIFEST).write_bytes(manifest)
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def latest(self) -> PublishedBuild | None:
        """Return the build that is served; None when there is none yet. Raises BuildDamagedError."""
        content = self._read(f"{self._root}/{LATEST}", _MOST_POINTER_BYTES)
        if content is None:
            return None
        try:
            match json.loads(content):
                case {"name": str(name), "manifest_sha256": str(sha256)}:
                    return PublishedBuild(checked_name(name), sha256)
        except (ValueError, RecursionError, BuildFilesError):
            pass
        raise BuildDamagedError(
            f"{LATEST} in the store of models cannot be read. `taxonomy-bot nightly promote` writes it anew."
        )

    def point_latest(self, published: PublishedBuild) -> None:
        """Let `latest.json` name a build, in one step for every reader. That it may, the caller has found out."""
        pointer = {"name": _checked(published.name), "manifest_sha256": published.manifest_sha256}
        with self._plainly():
            self._place.write(f"{self._root}/{LATEST}", [canonical(pointer)])

    def remove(self, name: str) -> bool:
        """Remove a build, its manifest first; return whether anything was there.

        Raises BuildRefusedError for the one that `latest.json` names: others may just be loading it.
        """
        _checked(name)
        latest = self.latest()
        if latest is not None and latest.name == name:
            raise BuildRefusedError(f"{name} is what {LATEST} names: it stays.")
        with self._plainly():
            was_whole = self._place.find(self._key(name, MANIFEST)) is not None
            self._place.remove(self._key(name, MANIFEST))
        return self._remove_strays(name, set()) > 0 or was_whole

    def remove_unfinished(self, before: datetime) -> list[str]:
        """Remove builds that were never whole, last written before a moment; return their names."""
        left = {
            name: files
            for name, files in self._by_name().items()
            if MANIFEST not in files and all(file.modified < before for file in files.values())
        }
        for name in left:
            self._remove_strays(name, set())
        with self._plainly():
            for file in list(self._place.unfinished()):
                if file.modified < before:
                    self._place.remove(file.key)
        return sorted(left)

    def _read_folder(self, name: str, folder: Path) -> tuple[bytes, tuple[BuildFile, ...]]:
        """Return the manifest of a folder and the files that it names, which have to be those that are there."""
        _checked(name)
        manifest = (folder / MANIFEST).read_bytes()
        try:
            files = files_named(manifest)
        except BuildFilesError as error:
            raise BuildRefusedError(f"{name} cannot be published: {error}") from None
        there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()}
        if there != {MANIFEST, *(file.path for file in files)}:
            raise BuildRefusedError(f"{name} cannot be published: its manifest names other files than it has.")
        return manifest, files

    def _write_file(self, name: str, file: BuildFile, path: Path) -> None:
        key = self._key(name, file.path)
        with self._plainly():
            found = self._place.find(key)
            if found is not None and found.size == file.size and self._holds(name, file):
                return
            self._place.write(key, _as_named(name, file, path))

    def _fetch_file(self, name: str, file: BuildFile, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._plainly():
            found = self._place.find(self._key(name, file.path))
        self._verify_size(name, file, found)
        with path.open("xb") as target, self._plainly(file.path):
            chunks = self._place.read(self._key(name, file.path))
            if not measured(chunks, target).fits(file.sha256, file.size):
                raise BuildDamagedError(_other_content(name, file.path))

    def _verify_size(self, name: str, file: BuildFile, found: StoredFile | None) -> None:
        if found is None:
            raise BuildDamagedError(f"{file.path} of {name} is gone from the store of models.")
        if found.size != file.size:
            raise BuildDamagedError(
                f"{file.path} of {name} is damaged in the store of models: {found.size} bytes lie there, "
                f"{file.size} were published."
            )

    def _holds(self, name: str, file: BuildFile) -> bool:
        """Return whether the store has a file as it was published, by reading all of it."""
        with self._plainly(file.path):
            return measured(self._place.read(self._key(name, file.path))).fits(file.sha256, file.size)

    def _remove_strays(self, name: str, kept: set[str]) -> int:
        """Remove whatever lies in a build's folder besides some files; return how many."""
        folder = self._key(name, "")
        with self._plainly():
            strays = [file for file in self._place.below(folder) if file.key.removeprefix(folder) not in kept]
            for file in strays:
                self._place.remove(file.key)
        return len(strays)

    def _by_name(self) -> dict[str, dict[str, StoredFile]]:
        """Return every file by its build and path; what cannot be ours is passed over."""
        found: dict[str, dict[str, StoredFile]] = defaultdict(dict)
        folder = f"{self._root}/{_BUILDS}/"
        with self._plainly():
            for file in self._place.below(folder):
                name, _, path = file.key.removeprefix(folder).partition("/")
                if is_plain_path(name) and is_plain_path(path):
                    found[name][path] = file
        return found

    def _manifest(self, name: str) -> bytes | None:
        return self._read(self._key(name, MANIFEST), MOST_MANIFEST_BYTES)

    def _read(self, key: str, most_bytes: int) -> bytes | None:
        content = bytearray()
        try:
            with self._plainly():
                for chunk in self._place.read(key):
                    content += chunk
                    if len(content) > most_bytes:
                        raise BuildDamagedError(f"{key} in the store of models is larger than one can be.")
        except BuildMissingError:
            return None
        return bytes(content)

    def _key(self, name: str, path: str) -> str:
        return f"{self._root}/{_BUILDS}/{name}/{path}"

    @contextmanager
    def _plainly(self, what: str = "it") -> Iterator[None]:
        """Turn whatever the place raises into our own errors."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BuildMissingError(f"The store of models {self.url} does not hold {what} (any more).") from error
        except PlaceError as error:
            raise StoreUnusableError(f"The store of models {self.url} cannot be used: {error}") from error


def _checked(name: str) -> str:
    try:
        return checked_name(name)
    except BuildFilesError as error:
        raise BuildRefusedError(str(error)) from None


def _named(manifest: bytes, name: str) -> tuple[BuildFile, ...]:
    try:
        return files_named(manifest)
    except BuildFilesError as error:
        raise BuildDamagedError(f"The manifest of {name} cannot be used: {error}") from None


def _as_named(name: str, file: BuildFile, path: Path) -> Iterator[bytes]:
    """Yield what a file holds, provided that at its end it was what the manifest says."""
    tally = Tally()
    with path.open("rb") as source:
        yield from tally.over(chunks_of(source))
    if not tally.fits(file.sha256, file.size):
        raise BuildRefusedError(f"{file.path} of {name} is not what its manifest says: package it anew.")


def _other_content(name: str, path: str) -> str:
    return f"{path} of {name} is damaged in the store of models: its content is not what was published."
