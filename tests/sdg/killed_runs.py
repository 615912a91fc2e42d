"""`taxonomy-pipeline generate` as people run it, killed with -9 when the teacher has been asked so often."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path

import aiohttp
import yaml

from pipeline.generation import REPORT
from pipeline.tiny import MODEL_ID
from tests.sdg.leaves import FREEFORM, GROUNDED, KNOWLEDGE, MARS

PROGRAM = str(Path(sys.executable).with_name("taxonomy-pipeline"))
_LEAVES = {
    "compositional_skills/linguistics/words": FREEFORM,
    "compositional_skills/extraction/tables": GROUNDED,
    "knowledge/science/mars": KNOWLEDGE,
}


class Taxonomy:
    """A folder with leaves, a document for the one of knowledge, and a place for what is generated."""

    def __init__(self, folder: Path, url: str, *leaves: str, seeds: int = 5) -> None:
        self.url, self.out = url, folder / "generated"
        self._root, self._documents = folder / "taxonomy", folder / "documents"
        for name in leaves or _LEAVES:
            place = self._root / name
            place.mkdir(parents=True)
            text = yaml.safe_load(_LEAVES[name])
            text["seed_examples"] = text["seed_examples"][:seeds]
            (place / "qna.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
        self._documents.mkdir(exist_ok=True)
        (self._documents / "mars.md").write_text("# Mars\n\n" + "\n\n".join(MARS))

    async def start(self) -> Process:
        """Start generating."""
        return await asyncio.create_subprocess_exec(
            *(PROGRAM, "generate", str(self._root), "--out", str(self.out), "--documents", str(self._documents)),
            *("--teacher-url", self.url, "--teacher-model", MODEL_ID),
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"},
        )

    async def whole(self) -> str:
        """Generate to the end and return what was said."""
        process = await self.start()
        said, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return said.decode()

    async def killed(self, when: Callable[[int], bool]) -> bool:
        """Generate and kill -9 as soon as this is true of the requests of this run; False if it was over before."""
        before = await self.requests()
        process = await self.start()
        try:
            while process.returncode is None:
                if when(await self.requests() - before):
                    process.kill()
                    break
                await asyncio.sleep(0.01)
        finally:
            await process.communicate()
        return process.returncode == -9

    async def requests(self) -> int:
        """How often the teacher has been asked."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url.removesuffix('/v1')}/stats") as answer,
        ):
            return int((await answer.json())["requests"])

    def written(self) -> list[Path]:
        """Every file of a leaf, under whatever name."""
        return [path for path in sorted(self.out.rglob("*")) if path.is_file() and path.parent != self.out]

    def digests(self) -> dict[str, str]:
        """The digest of every file of a leaf but the reports, which tell of the run itself."""
        return {
            path.relative_to(self.out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.written()
            if path.name != REPORT
        }
