"""A real git repository on a disk, and a person who types `taxonomy-check` in it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from checks.cli import app
from tests.checks.contributions import SKILL_PATH, a_skill, attribution

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
}

LATER = "2099-01-01"  # a day on which every rule has its whole weight


@dataclass(frozen=True)
class Answer:
    """What the command printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def causes(self) -> list[str]:
        return [finding["cause"] for finding in self.json["findings"]]

    def wrapped(self) -> str:
        """The text on one line, for sentences that a narrow terminal breaks."""
        return " ".join((self.out + self.err).split())


class Checkout:
    """A clone of a taxonomy; `main` holds a README, and a branch `mine` is checked out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Ana")
        self.git("config", "user.email", "ana@example.org")
        self.writes("README.md", "A taxonomy.\n")
        self.commits("Start")
        self.git("switch", "-q", "-c", "mine")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=os.environ | _ENVIRONMENT, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def writes(self, path: str, text: str | bytes) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() if isinstance(text, str) else text)

    def writes_a_good_skill(self, path: str = SKILL_PATH) -> None:
        self.writes(path, a_skill())
        self.writes(f"{path.rpartition('/')[0]}/attribution.txt", attribution())

    def commits(self, subject: str, *, signed_off: bool = True) -> str:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", subject, *(["--signoff"] if signed_off else []))
        return self.git("rev-parse", "HEAD")

    def checks(self, *arguments: str, columns: int = 100, **environment: str) -> Answer:
        """Run the command in this folder, in this process; without `--on`, when no rule is new any more."""
        if "--on" not in arguments:
            arguments = (*arguments, "--on", LATER)
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            settings = {"COLUMNS": str(columns), "NO_COLOR": None, "GITHUB_ACTIONS": None} | environment
            result = CliRunner().invoke(app, arguments, env=settings)
        finally:
            os.chdir(before)
        return Answer(result.exit_code, result.stdout, result.stderr)
