"""An index of passages on disk: sorted arrays that are mapped into memory, so that processes share them."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from checks.likeness.comparing import rough_share
from checks.likeness.passages import Passage
from checks.likeness.sheets import Sheet
from checks.likeness.signing import BANDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
MOST_TEXT_BYTES = 512 * 1024**2
_UNFINISHED = "."  # what the name of a folder begins with until all is written
_ABANDONED_AFTER_S = 6 * 3600.0
_MOST_OF_A_KEY = 200  # rows under one key that are looked at: what so many share tells nothing
_FEWEST_KEYS = 2  # in common: of passages that share 7 of 10 words all but 1 in 500 have as many
_MOST_READ = 6  # candidates of one passage whose text is read
_LEAST_SHARE = 0.3  # of their telling words, roughly
_ARRAYS = ("rows", "keys", "order", "asked", "asked_order")
_ROW = [
    ("file", "<u4"),
    ("line", "<u4"),
    ("about", "<i4"),  # the row of the context, -1 for none
    ("split", "<i4"),  # bytes of the question, -1 for a context by itself
    ("size", "<u4"),
    ("at", "<u8"),
    ("asked", "<u8"),
]


class IndexUnreadableError(Exception):
    """What lies in a folder is no index that this version reads: make it anew."""


class IndexFullError(Exception):
    """There is more text than an index takes."""


@dataclass(frozen=True, slots=True)
class Source:
    """A leaf in the index: its path, what its content is known by, and its pull request, 0 for the tree."""

    path: str
    key: str = ""
    number: int = 0
    is_knowledge: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """A passage of the index that may be like the passage `of` of those that were asked for."""

    of: int
    passage: Passage
    source: Source
    share: float  # of the telling words, roughly


class PassageIndex:
    """A finished index, read only."""

    def __init__(self, folder: Path) -> None:
        """Open what IndexWriter has written. Raises IndexUnreadableError."""
        import numpy as np

        try:
            about = json.loads((folder / "about.json").read_bytes())
            if about["format"] != FORMAT:
                raise IndexUnreadableError(f"format {about['format']}")
            self.key: str = about["key"]
            self.sources = tuple(Source(*item) for item in about["sources"])
            self.places = {source.path: n for n, source in enumerate(self.sources)}
            mode: Literal["r"] | None = "r" if about["rows"] else None  # what is empty cannot be mapped
            arrays = (np.load(folder / f"{name}.npy", mmap_mode=mode).view(np.ndarray) for name in _ARRAYS)
            self._rows, self._keys, self._order, self._asked, self._asked_order = arrays
            self.permutations: NDArray[np.uint32] = np.load(folder / "permutations.npy")
            with (folder / "text").open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                self._text: Any = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
            if len(self._rows) != about["rows"] or size != about["text"]:
                raise IndexUnreadableError("it is cut short")
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise IndexUnreadableError(type(error).__name__) from None

    def __len__(self) -> int:
        return len(self._rows)

    def nearest(self, asked: Sheet, barred: Collection[int], most: int = 3) -> list[Near]:
        """Return for each passage the few that may be like it, the likeliest first.

        `barred` are places in `sources`: nothing of those is returned.
        """
        import numpy as np

        if not len(self) or not asked.passages:
            return []
        allowed = np.ones(len(self.sources), dtype=bool)
        allowed[list(barred)] = False
        left = np.stack([np.searchsorted(self._keys[b], asked.bands[:, b], "left") for b in range(BANDS)])
        right = np.stack([np.searchsorted(self._keys[b], asked.bands[:, b], "right") for b in range(BANDS)])
        found: list[Near] = []
        for of, passage in enumerate(asked.passages):
            slices = [
                self._order[b, left[b, of] : min(right[b, of], left[b, of] + _MOST_OF_A_KEY)]
                for b in range(BANDS)
                if left[b, of] < right[b, of]
            ]
            slices += [self._asking_the_same(asked.asked[of])] * BANDS if asked.asked[of] else []
            if slices:
                found += self._best(of, passage, np.concatenate(slices), allowed, most)
        return found

    def _asking_the_same(self, key: np.uint64) -> NDArray[np.uint32]:
        first = int(self._asked.searchsorted(key, "left"))
        last = min(int(self._asked.searchsorted(key, "right")), first + _MOST_OF_A_KEY)
        rows: NDArray[np.uint32] = self._asked_order[first:last]
        return rows

    def _best(
        self, of: int, passage: Passage, rows: NDArray[np.uint32], allowed: NDArray[np.bool_], most: int
    ) -> list[Near]:
        import numpy as np

        met, times = np.unique(rows, return_counts=True)
        fits = allowed[self._rows["file"][met]] & (times >= _FEWEST_KEYS)
        met, times = met[fits], times[fits]
        read = met[np.argsort(-times, kind="stable")[:_MOST_READ]]
        found = []
        for row in read:
            other = self.passage(int(row))
            share = rough_share(passage, other) if other.is_context == passage.is_context else 0.0
            if share >= _LEAST_SHARE or (passage.question and other.question == passage.question):
                found.append(Near(of, other, self.sources[self._rows["file"][row]], share))
        return sorted(found, key=lambda near: -near.share)[:most]

    def passage(self, row: int) -> Passage:
        """Return the passage of a row, with its context."""
        item = self._rows[row]
        source = self.sources[item["file"]]
        if item["split"] < 0:
            return Passage(int(item["line"]), "", "", self._told(item)[0], source.is_knowledge)
        question, answer = self._told(item)
        context = self._told(self._rows[item["about"]])[0] if item["about"] >= 0 else ""
        return Passage(int(item["line"]), question, answer, context, source.is_knowledge)

    def _told(self, item: Any) -> tuple[str, str]:
        at, size, split = int(item["at"]), int(item["size"]), int(item["split"])
        told = self._text[at : at + size]
        split = split if split >= 0 else size
        return told[:split].decode("utf-8", "surrogatepass"), told[split:].decode("utf-8", "surrogatepass")

    def passages_of_source(self, n: int) -> list[Passage]:
        """Return the passages of a source, by its place in `sources`."""
        first, last = (int(self._rows["file"].searchsorted(n, side)) for side in ("left", "right"))
        return [self.passage(row) for row in range(first, last)]

    def sheets(self, wanted: Iterable[int]) -> Iterator[tuple[int, Sheet]]:
        """Yield the sheets of some sources, by their place in `sources`: they need not be made anew."""
        import numpy as np

        bands = np.empty((len(self), BANDS), dtype=np.uint32)
        for b in range(BANDS):
            bands[self._order[b], b] = self._keys[b]
        firsts = np.searchsorted(self._rows["file"], np.arange(len(self.sources) + 1))
        for n in wanted:
            first, last = int(firsts[n]), int(firsts[n + 1])
            passages = tuple(self.passage(row) for row in range(first, last))
            yield n, Sheet(passages, bands[first:last].copy(), np.array(self._rows["asked"][first:last]))


@dataclass
class IndexWriter:
    """Writes an index, leaf by leaf: texts go to the disk at once, only numbers are held in memory."""

    folder: Path  # appears when all is written
    key: str
    permutations: NDArray[np.uint32]
    _sources: list[Source] = field(default_factory=list)
    _rows: list[NDArray[Any]] = field(default_factory=list)
    _bands: list[NDArray[np.uint32]] = field(default_factory=list)
    _count: int = 0
    _bytes: int = 0

    def __enter__(self) -> IndexWriter:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._place = Path(tempfile.mkdtemp(prefix=f"{_UNFINISHED}{self.folder.name}-", dir=self.folder.parent))
        self._text: BinaryIO = (self._place / "text").open("wb")
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._text.close()
        shutil.rmtree(self._place, ignore_errors=True)

    def add(self, source: Source, sheet: Sheet) -> None:
        """Add a leaf. Raises IndexFullError."""
        import numpy as np

        rows = np.zeros(len(sheet.passages), dtype=_ROW)
        about, place = "", -1
        for at, passage in enumerate(sheet.passages):
            if passage.is_context:
                about, place = passage.context, self._count + at
            question = (passage.question or passage.context).encode("utf-8", "surrogatepass")
            answer = passage.answer.encode("utf-8", "surrogatepass")
            rows[at] = (
                len(self._sources),
                passage.line,
                -1 if passage.is_context or not passage.context or passage.context != about else place,
                -1 if passage.is_context else len(question),
                len(question) + len(answer),
                self._bytes,
                sheet.asked[at],
            )
            self._bytes += self._text.write(question + answer)
        if self._bytes > MOST_TEXT_BYTES:
            raise IndexFullError
        self._count += len(rows)
        self._sources.append(source)
        self._rows.append(rows)
        self._bands.append(sheet.bands)

    def finish(self) -> Path:
        """Write the rest, and return the folder. What stood there before is replaced."""
        import numpy as np

        self._text.flush()
        rows = np.concatenate(self._rows) if self._rows else np.zeros(0, dtype=_ROW)
        bands = np.concatenate(self._bands).T if self._bands else np.zeros((BANDS, 0), dtype=np.uint32)
        self._rows, self._bands = [], []
        order = np.empty(bands.shape, dtype=np.uint32)
        keys = np.empty(bands.shape, dtype=np.uint32)
        for b in range(BANDS):
            order[b] = np.argsort(bands[b], kind="stable")
            keys[b] = bands[b][order[b]]
        by_question = np.argsort(rows["asked"], kind="stable").astype(np.uint32)
        self._save(rows=rows, keys=keys, order=order, permutations=self.permutations)
        self._save(asked=rows["asked"][by_question], asked_order=by_question)
        about = {
            "format": FORMAT,
            "key": self.key,
            "rows": len(rows),
            "text": self._bytes,
            "sources": [[s.path, s.key, s.number, s.is_knowledge] for s in self._sources],
        }
        (self._place / "about.json").write_text(json.dumps(about), encoding="ascii")
        shutil.rmtree(self.folder, ignore_errors=True)
        self._place.replace(self.folder)
        return self.folder

    def _save(self, **arrays: NDArray[Any]) -> None:
        import numpy as np

        for name, array in arrays.items():
            np.save(self._place / f"{name}.npy", array)


def remove_abandoned(folder: Path) -> int:
    """Remove the unfinished indexes of processes that were killed from a folder; return how many there were.

    Others may be writing there now: what was touched within hours is left alone.
    """
    count = 0
    for place in folder.glob(f"{_UNFINISHED}*-*"):
        try:
            touched = max(path.stat().st_mtime for path in (place, *place.iterdir()))
        except OSError:  # no folder, or finished meanwhile
            continue
        if time.time() - touched > _ABANDONED_AFTER_S:
            shutil.rmtree(place, ignore_errors=True)
            count += 1
    return count


@lru_cache(maxsize=4)
def _opened(folder: Path, _written_ns: int) -> PassageIndex:
    return PassageIndex(folder)


def open_index(folder: Path) -> PassageIndex:
    """Return the index in a folder, opened once in a process. Raises IndexUnreadableError."""
    try:
        written_ns = (folder / "about.json").stat().st_mtime_ns
    except OSError as error:
        raise IndexUnreadableError(type(error).__name__) from None
    return _opened(folder, written_ns)
