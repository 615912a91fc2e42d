"""A published build for a model hub: its files and nothing else, in one commit, under the build's name as a tag."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationCopy, HfApi

_KEPT = frozenset({".gitattributes"})  # of the hub's own, with which files are large
_LONGEST_REASON = 500


class HubError(Exception):
    """The hub did not take the build; the text says why, and what of it can be seen there."""


@dataclass(frozen=True, slots=True)
class Hub:
    """Where builds go. `endpoint` is the hub's address, empty for that of its client."""

    repository: str  # such as organisation/model
    token: SecretStr
    endpoint: str = ""


def upload(name: str, folder: Path, hub: Hub) -> str:
    """Upload the folder of a build; return the address of its commit.

    It is one commit, so that nobody sees half of it; files that the build does not have go. Doing it again commits
    nothing new. The repository is made, private, where there is none. Raises HubError.
    """
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.endpoint or None, token=hub.token.get_secret_value())
    try:
        return _committed(api, name, folder, hub.repository)
    except Exception as error:  # of its HTTP client, too, and whatever that raises in other versions
        told = _without(str(error) or type(error).__name__, hub.token)
        cause = f" ({_without(str(error.__cause__), hub.token)})" if error.__cause__ else ""
        raise HubError(
            f"The hub did not take {name} into {hub.repository}: {told[:_LONGEST_REASON]}{cause[:_LONGEST_REASON]} "
            "What was there before is there still. Uploading again goes on."
        ) from error


def _committed(api: HfApi, name: str, folder: Path, repository: str) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    api.create_repo(repository, private=True, exist_ok=True)
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    gone = set(api.list_repo_files(repository)) - files.keys() - _KEPT
    changes: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete]
    changes = [CommitOperationAdd(file, path) for file, path in files.items()]
    changes += [CommitOperationDelete(file) for file in sorted(gone)]
    commit = api.create_commit(repository, changes, commit_message=f"Build {name}")
    api.create_tag(repository, tag=name, revision=commit.oid, exist_ok=True)
    return str(commit.commit_url)


def _without(text: str, token: SecretStr) -> str:
    secret = token.get_secret_value()
    return text.replace(secret, "**********") if secret else text
