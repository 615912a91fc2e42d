"""The sheet of a leaf: its passages with what they are found by, made once and kept as bytes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.likeness.passages import Passage, passages_of
from checks.likeness.signing import BANDS, asked_key, band_keys

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from checks.contribution import Leaf

_MOST_BYTES = 16 * 1024**2


class SheetUnreadableError(Exception):
    """Bytes are no sheet that this version reads: make it anew."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The passages of one leaf. Shapes: `bands` (passages, BANDS), `asked` (passages,)."""

    passages: tuple[Passage, ...]
    bands: NDArray[np.uint32]
    asked: NDArray[np.uint64]


def sheet_of(passages: Iterable[Passage], permutations: NDArray[np.uint32]) -> Sheet:
    """Return the sheet of these passages."""
    import numpy as np

    listed = tuple(passages)
    asked = np.array([asked_key(passage) for passage in listed], dtype=np.uint64)
    return Sheet(listed, band_keys(listed, permutations), asked)


def sheets_of(leaves: Iterable[Leaf], permutations: NDArray[np.uint32]) -> dict[str, Sheet]:
    """Return the sheets of leaves by path; of a leaf without passages there is none."""
    found = {leaf.path: tuple(passages_of(leaf)) for leaf in leaves}
    return {path: sheet_of(passages, permutations) for path, passages in found.items() if passages}


def packed(sheets: dict[str, Sheet]) -> bytes:
    """Return sheets by path as bytes that `unpacked` reads, on any machine."""
    told = [
        [path, [[p.line, p.question, p.answer, p.context, p.is_knowledge] for p in sheet.passages]]
        for path, sheet in sheets.items()
    ]
    head = json.dumps(told, separators=(",", ":")).encode("ascii")
    arrays = b"".join(
        sheet.bands.astype("<u4").tobytes() + sheet.asked.astype("<u8").tobytes() for sheet in sheets.values()
    )
    return zlib.compress(len(head).to_bytes(8, "little") + head + arrays, 6)


def unpacked(kept: bytes) -> dict[str, Sheet]:
    """Return sheets by path. Raises SheetUnreadableError."""
    import numpy as np

    try:
        unzip = zlib.decompressobj()
        data = unzip.decompress(kept, _MOST_BYTES)
        at = 8 + int.from_bytes(data[:8], "little")
        told, sheets = json.loads(data[8:at]), {}
        for path, items in told:
            passages = tuple(Passage(*item) for item in items)
            bands = np.frombuffer(data, "<u4", len(passages) * BANDS, at).reshape(-1, BANDS)
            at += bands.nbytes
            asked = np.frombuffer(data, "<u8", len(passages), at)
            at += asked.nbytes
            sheets[str(path)] = Sheet(passages, bands, asked)
    except (ValueError, TypeError, zlib.error) as error:
        raise SheetUnreadableError(type(error).__name__) from None
    return sheets


def joined(sheets: Sequence[Sheet]) -> Sheet:
    """Return one sheet with the passages of all."""
    import numpy as np

    passages = tuple(passage for sheet in sheets for passage in sheet.passages)
    if not sheets:
        return Sheet((), np.empty((0, BANDS), np.uint32), np.empty(0, np.uint64))
    bands = np.concatenate([sheet.bands for sheet in sheets])
    return Sheet(passages, bands, np.concatenate([sheet.asked for sheet in sheets]))
