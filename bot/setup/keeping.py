"""Where the new App's secrets go: a file of settings that only its owner reads, or a Secret of Kubernetes."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bot.setup.github_side import NewApp
from bot.setup.plan import GITHUB_COM, Plan

PREFIX = "TAXONOMY_BOT_"

_KUBERNETES_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,251}[a-z0-9])?")
_FOLDER = "taxonomy-bot-secret-"
_OF_OTHERS = 0o077
_MORE_THAN_ALL = 16 * 1024  # bytes of a key and settings
_PLAIN = re.compile(r"[A-Za-z0-9_./:,@%+=-]*")


class KeepingError(Exception):
    """The secrets cannot be put there; the text says why, and what to do."""


class Keeping(Protocol):
    """A place for settings. It is tried before the App is made: afterwards GitHub tells the secrets no more."""

    def check(self) -> None:
        """Raise KeepingError where nothing could be kept."""
        ...

    def keep(self, settings: Mapping[str, str]) -> None:
        """Keep these, in place of what was kept in this run. Raises KeepingError."""
        ...

    def next_steps(self) -> list[str]:
        """Return the commands that come now."""
        ...

    def left_behind(self) -> str:
        """Return a sentence on where secrets lie by now, for whoever breaks off; empty while there are none."""
        ...


def settings_of(app: NewApp, plan: Plan, repositories: Iterable[int]) -> dict[str, str]:
    """Return the settings that the new App brings, by variable."""
    chosen = sorted(repositories)
    values = {
        "APP_ID": str(app.id),
        "PRIVATE_KEY": app.private_key.get_secret_value(),
        "WEBHOOK_SECRETS": app.webhook_secret.get_secret_value(),
        "REPOSITORIES": ",".join(str(number) for number in chosen),
        "PUBLIC_URL": plan.public_url,
        "OAUTH_CLIENT_ID": app.client_id if plan.public_url else "",
        "OAUTH_CLIENT_SECRET": app.client_secret.get_secret_value() if plan.public_url else "",
        "GITHUB_WEB_URL": "" if plan.web_url == GITHUB_COM else plan.web_url,
        "GITHUB_API_URL": "" if plan.api == "https://api.github.com" else plan.api,
    }
    return {f"{PREFIX}{name}": value for name, value in values.items() if value}


@dataclass(slots=True)
class EnvFile:
    """A file of NAME=value lines, for shells, systemd and compose alike; the private key lies beside it as PEM.

    So no value needs quotes, which those three read in three ways.
    """

    path: Path
    may_replace: bool = False
    _ours: list[Path] = field(default_factory=list, init=False)  # written in this run

    @property
    def key_path(self) -> Path:
        """Where the private key is."""
        return self.path.with_name(f"{self.path.name}.private-key.pem").absolute()

    def check(self) -> None:
        """Raise KeepingError where a file is there already, or none can be written: one is, and removed again."""
        for path in (self.path, self.key_path):
            if not self.may_replace and (path.exists() or path.is_symlink()):
                raise KeepingError(
                    f"{path} is there already. Name another file with --write, or add --force to replace it."
                )
        if not _PLAIN.fullmatch(str(self.key_path)):
            raise KeepingError(
                f"The path {self.key_path} holds blanks or signs that settings files cannot: choose another."
            )
        trial = self.key_path.with_name(f".{self.key_path.name}.trial.{secrets.token_hex(8)}")
        try:
            _put(trial, " " * _MORE_THAN_ALL, replaces=False)
        finally:
            with contextlib.suppress(OSError):
                trial.unlink()

    def keep(self, settings: Mapping[str, str]) -> None:
        """Write both files, each whole or not at all; each that was written is ours to replace."""
        lines = ["# Settings of taxonomy-bot, written by `taxonomy-bot setup`. Secret: keep this file to yourself."]
        for name, value in settings.items():
            if name == f"{PREFIX}PRIVATE_KEY":
                self._write(self.key_path, value)
                value = str(self.key_path)
            elif not _PLAIN.fullmatch(value):
                raise KeepingError(f"GitHub's value for {name} holds signs that a settings file cannot.")
            lines.append(f"{name}={value}")
        self._write(self.path, "\n".join(lines) + "\n")

    def next_steps(self) -> list[str]:
        """Return how the bot is started with this file."""
        file = shlex.quote(str(self.path))
        return [
            f"set -a; . {file if '/' in file else './' + file}; set +a",
            "taxonomy-bot doctor",
            "taxonomy-bot serve",
        ]

    def left_behind(self) -> str:
        """Return which files hold secrets."""
        if not self._ours:
            return ""
        return f"The App's keys are in {' and '.join(str(path) for path in self._ours)}."

    def _write(self, path: Path, text: str) -> None:
        path = path.absolute()
        _put(path, text, replaces=self.may_replace or path in self._ours)
        if path not in self._ours:
            self._ours.append(path)


def _put(path: Path, text: str, *, replaces: bool) -> None:
    """Put a text in place, whole or not at all, readable by its owner alone from its first byte on.

    Raises KeepingError, also where something is in that place that is not to be replaced.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _create(fresh, text)
        if replaces:
            fresh.replace(path)
        else:
            _link(fresh, path, text)
    except FileExistsError:
        raise KeepingError(
            f"{path} has appeared meanwhile: it is left alone. Start again with another --write."
        ) from None
    except OSError as error:
        raise KeepingError(
            f"Nothing can be written to {path.parent}: {error.strerror}. Put that right, or name a file elsewhere "
            "with --write."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()


def _link(fresh: Path, path: Path, text: str) -> None:
    """Have a file in its place, too. Unlike a renaming this never replaces what came meanwhile."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        raise
    except OSError:  # a disk without such links: FAT, some of a network's
        _create(path, text)


def _create(path: Path, text: str) -> None:
    """Make a file that was not there. What cannot be written to its end is removed again."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            if os.fstat(number).st_mode & _OF_OTHERS:
                raise KeepingError(
                    f"Others could read what is kept in {path.parent}: that disk takes no permissions. Name a "
                    "file on another with --write."
                )
            file.write(text)
            file.flush()
            os.fsync(number)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@dataclass(slots=True)
class KubernetesSecret:
    """A folder that only its owner reads, with one file for each variable, and the line that makes a Secret of it.

    Secrets are on no command line: those of others can be read by everybody on a machine.
    """

    name: str = "taxonomy-bot"
    namespace: str = "default"
    folder: Path | None = None

    def check(self) -> None:
        """Raise KeepingError for names that Kubernetes would refuse, or where no folder can be made."""
        for what, name in (("--name", self.name), ("--namespace", self.namespace)):
            if not _KUBERNETES_NAME.fullmatch(name):
                raise KeepingError(
                    f"{what} {name!r}: Kubernetes takes lower-case letters, digits and hyphens only."
                )
        try:
            with tempfile.TemporaryDirectory(prefix=_FOLDER) as trial:
                Path(trial, "trial").write_bytes(bytes(_MORE_THAN_ALL))
        except OSError as error:
            raise KeepingError(_unwritten(error)) from None

    def keep(self, settings: Mapping[str, str]) -> None:
        """Write the files."""
        try:
            if self.folder is None:
                self.folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
            for name, value in settings.items():
                path = self.folder / name
                path.touch(mode=0o600)
                path.write_text(value, encoding="utf-8")
        except OSError as error:
            raise KeepingError(_unwritten(error)) from None

    def next_steps(self) -> list[str]:
        """Return the line that makes the Secret and then removes the files."""
        folder = shlex.quote(str(self.folder))
        make = f"kubectl create secret generic {shlex.quote(self.name)} --namespace {shlex.quote(self.namespace)}"
        return [f"{make} --from-file={folder} && rm -r {folder}"]

    def left_behind(self) -> str:
        """Return which folder holds secrets, and how to be rid of it."""
        if self.folder is None:
            return ""
        removal = f"rm -r {shlex.quote(str(self.folder))}"
        return f"The App's keys are in the folder {self.folder}; this removes them: {removal}"


def _unwritten(error: OSError) -> str:
    return (
        f"The files for the Secret cannot be written to the folder for temporary files: {error.strerror}. Make "
        "room there, or name another in TMPDIR."
    )
