"""GitHub's own published schemas, fetched once by npm into a cache and loaded once per process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

OPENAPI = "@octokit/openapi@23.0.2"
WEBHOOK_SCHEMAS = "@octokit/webhooks-schemas@7.6.1"
WEBHOOK_EXAMPLES = "@octokit/webhooks-examples@7.6.1"
GRAPHQL_SCHEMA = "@octokit/graphql-schema@15.26.1"

FETCH_TIMEOUT_S = 60


class SchemasUnavailableError(Exception):
    """The schemas are neither in the cache nor to be had; the tests that need them are skipped."""


@cache
def rest_schema() -> dict[str, Any]:
    """Return the OpenAPI document of GitHub's REST API."""
    return json.loads(fetched(OPENAPI, "package/generated/api.github.com.json"))


@cache
def webhook_schema() -> dict[str, Any]:
    """Return the JSON schema (draft-07) of GitHub's webhooks."""
    return json.loads(fetched(WEBHOOK_SCHEMAS, "package/schema.json"))


@cache
def webhook_examples() -> dict[str, list[dict[str, Any]]]:
    """Return GitHub's example payloads by event."""
    events = json.loads(fetched(WEBHOOK_EXAMPLES, "package/api.github.com/index.json"))
    return {event["name"]: event["examples"] for event in events}


@cache
def graphql_schema_text() -> str:
    """Return GitHub's GraphQL schema in its own language."""
    return fetched(GRAPHQL_SCHEMA, "package/schema.graphql").decode()


def _cache_folder() -> Path:
    chosen = os.environ.get("TAXONOMY_BOT_CACHE")
    root = Path(chosen) if chosen else Path(__file__).parents[2] / ".cache"
    return root / "github-schemas"


def fetched(package: str, member: str) -> bytes:
    """Return one file of an npm package at a fixed version, from the cache where it is there."""
    name = package.removeprefix("@").replace("/", "-")
    kept = _cache_folder() / f"{name}-{Path(member).name}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            fresh = Path(folder) / "fresh"
            fresh.write_bytes(_packed(package, member, Path(folder)))
            fresh.replace(kept)
    return kept.read_bytes()


def _packed(package: str, member: str, folder: Path) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise SchemasUnavailableError(f"{package} is not in the cache and there is no npm to fetch it")
    command = [npm, "pack", package, "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=FETCH_TIMEOUT_S, cwd=folder)
    except (subprocess.SubprocessError, OSError) as error:
        raise SchemasUnavailableError(
            f"{package} is not in the cache and npm could not fetch it: {error}"
        ) from error
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        found = archive.extractfile(member)
        assert found is not None, f"{package} holds no {member}"
        return found.read()
