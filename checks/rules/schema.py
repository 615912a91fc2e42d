"""Rule: a qna.yaml has the keys its version asks for, and each holds what it should."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from jsonschema.exceptions import ValidationError

from checks import schemas
from checks.contribution import Contribution, Leaf
from checks.findings import Finding
from checks.policy import Policy
from checks.readable import accepted_versions, mapping_leaves
from checks.registry import rule
from checks.schema_version import VERSION_CAUSES, judge_version
from checks.schema_words import SHAPE_CAUSES, created_by_findings, say, without_echoes
from checks.yaml_tree import to_data

_MOST_PER_FILE = 200
_STEPS = {"required": "add", "additionalProperties": "take out", "minLength": "fill in"}


@rule(
    "schema",
    title="The file has the right keys, with the right values",
    why="Programs read the file by its keys, and stumble over what they do not expect.",
    causes=(*VERSION_CAUSES, *SHAPE_CAUSES),
    order=20,
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report a wrong version, and every key that is missing, unknown or holds the wrong thing."""
    for leaf in mapping_leaves(contribution, policy):
        judged = judge_version(leaf, policy)
        if judged.schema is None:
            if judged.finding:
                yield judged.finding
            continue
        name = schemas.KNOWLEDGE if leaf.is_knowledge else schemas.SKILL
        version = _published(name, judged.schema, accepted_versions(leaf, policy))
        errors = _errors(leaf, name, version)
        if judged.finding:
            steps: list[str] = []
            if judged.is_upgrade and errors:
                errors, steps = _apart(errors, _errors(leaf, name, 1))
            yield _with_steps(judged.finding, steps)
        known = schemas.keys_of(name, version)
        yield from (say(leaf, error, known) for error in without_echoes(errors, known))
        yield from created_by_findings(leaf)


def _errors(leaf: Leaf, name: str, version: int) -> list[ValidationError]:
    data = to_data(leaf.document.root)
    if schemas.acceptor(name, version)(data):
        return []
    return list(islice(schemas.validator(name, version).iter_errors(data), _MOST_PER_FILE))


def _published(name: str, version: int, accepted: tuple[int, ...]) -> int:
    """Return the version, or the newest published one where the policy accepts a version that has no schema."""
    for candidate in (version, *reversed(accepted)):
        try:
            schemas.validator(name, candidate)
        except schemas.UnknownSchemaError:
            continue
        return candidate
    return schemas.NEWEST


def _apart(
    errors: Iterable[ValidationError], old_errors: Iterable[ValidationError]
) -> tuple[list[ValidationError], list[str]]:
    """Split what the new schema says into what was wrong before, and the steps that the upgrade itself asks for."""
    wrong_before = {_identity(error) for error in old_errors}
    kept: list[ValidationError] = []
    steps: dict[str, None] = {}
    for error in errors:
        step = _STEPS.get(str(error.validator))
        if step is None or _identity(error) in wrong_before:
            kept.append(error)
        else:
            where = " in the seed examples" if "seed_examples" in error.absolute_path else ""
            key = str(error.message or error.absolute_path[-1])[:40]
            steps[f"{step} `{key}`{where}"] = None
    return kept, list(steps)


def _identity(error: ValidationError) -> tuple[object, ...]:
    return (*error.absolute_path, error.validator, str(error.message))


def _with_steps(finding: Finding, steps: list[str]) -> Finding:
    if not steps:
        return finding
    return replace(
        finding, remedy=f"{finding.how_to_fix} The newer version also asks you to {', and to '.join(steps)}."
    )
