"""Where the schemas cannot be had, the tests say so instead of failing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fidelity.schemas import OPENAPI
from tests.npm_files import NpmUnavailableError, fetched


def test_without_npm_the_reason_is_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "An empty cache and no npm: the message names the package and what is missing."
    monkeypatch.setenv("TAXONOMY_BOT_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NpmUnavailableError, match=r"openapi.*no npm"):
        fetched(OPENAPI, "package/generated/api.github.com.json")


def test_a_fetched_file_is_taken_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "What lies in the cache is not fetched again."
    monkeypatch.setenv("TAXONOMY_BOT_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    folder = tmp_path / "npm"
    folder.mkdir()
    (folder / "octokit-openapi@23.0.2-api.github.com.json").write_bytes(b"{}")

    assert fetched(OPENAPI, "package/generated/api.github.com.json") == b"{}"
