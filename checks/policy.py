"""The community's rules file `.github/taxonomy-bot.yml`: typed, strict, complete defaults, errors with lines."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from checks import yaml_tree
from checks.yaml_tree import MapNode, Scalar, YamlDocument

POLICY_PATH = ".github/taxonomy-bot.yml"

PositiveInt = Annotated[int, Field(gt=0)]


def _switch(value: Any) -> Any:
    """Take a switch by its name; YAML reads an unquoted `off` as False, which is taken as it was meant."""
    name = "off" if value is False else value
    if name not in list(Switch):
        raise ValueError(f"must be one of {', '.join(Switch)}")
    return Switch(name)


_WEB_ADDRESS = r"https://[A-Za-z0-9][!#-&*-;=?-Z^_a-z~]*"  # nothing that could end a link in Markdown


def _web_address(value: str) -> str:
    if len(value) > 500 or re.fullmatch(_WEB_ADDRESS, value) is None:
        raise ValueError("must be an address that begins with https://, without spaces, brackets or quotes")
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Switch(StrEnum):
    """How a rule, or one cause of it, weighs in this community."""

    OFF = "off"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


RuleSwitch = Annotated[Switch, BeforeValidator(_switch)]
WebAddress = Annotated[str, AfterValidator(_web_address), Field(json_schema_extra={"pattern": f"^{_WEB_ADDRESS}$"})]


class Limits(_Section):
    """How much a contribution may and must hold."""

    skill_seed_examples: PositiveInt = Field(5, description="Fewest seed examples of a skill.")
    knowledge_contexts: PositiveInt = Field(5, description="Fewest contexts of a knowledge leaf.")
    questions_per_context: PositiveInt = Field(3, description="Fewest question-answer pairs per context.")
    words_per_file: PositiveInt = Field(
        2300, description="Words of all questions and answers of a file before a warning."
    )
    words_error_factor: PositiveInt = Field(3, description="How many times words_per_file is an error.")
    context_tokens: PositiveInt = Field(500, description="Most tokens of a knowledge context.")
    pair_tokens: PositiveInt = Field(250, description="Most tokens of one question with its answer.")
    context_and_pairs_tokens: PositiveInt = Field(750, description="Most tokens of a context with all its pairs.")
    file_bytes: PositiveInt = Field(1_048_576, description="Largest file that is read, in bytes.")
    changed_files: PositiveInt = Field(300, description="Most files one pull request may change.")


class Versions(_Section):
    """Accepted values of `version:`."""

    skill: tuple[int, ...] = Field((2, 3), description="Versions a skill may declare.")
    knowledge: tuple[int, ...] = Field((3,), description="Versions a knowledge file may declare.")


class Licences(_Section):
    """Licences a source may have."""

    allowed: tuple[str, ...] = Field(
        (
            "CC0-1.0",
            "CDLA-Permissive-1.0",
            "CDLA-Permissive-2.0",
            "CC-BY-4.0",
            "CC-BY-SA-4.0",
            "Apache-2.0",
            "MIT",
            "LicenseRef-scancode-public-domain",
        ),
        description="SPDX identifiers of the licences that are accepted.",
    )


SourceAddress = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24}(?:/[!-~]{0,200})?$")
]


class Sources(_Section):
    """Where knowledge may be taken from without a maintainer looking at it first."""

    approved: tuple[SourceAddress, ...] = Field(
        (
            "wikipedia.org",
            "wikisource.org",
            "wikibooks.org",
            "gutenberg.org",
            "openstax.org",
            "theopenorganization.org",
            "scrumguides.org",
        ),
        description="Hosts, each with all below it; a path may follow (`github.com/NAME/`). Empty: every source.",
    )


class Documents(_Section):
    """Where knowledge documents may come from."""

    allowed_hosts: tuple[str, ...] = Field(
        ("github.com", "gitlab.com", "codeberg.org"), description="Servers the git repository may lie on."
    )
    allowed_suffixes: tuple[str, ...] = Field(
        (".md", ".pdf"), description="How the names of the documents may end."
    )


class Dco(_Section):
    """The Developer Certificate of Origin."""

    enabled: bool = Field(True, description="Every commit needs a sign-off.")
    exempt_members: bool = Field(
        False, description="Members of the organisation may leave out the sign-off on verified commits."
    )
    individual_remediation: bool = Field(
        True, description="Authors may sign off their earlier commits by one more commit that says so."
    )
    third_party_remediation: bool = Field(
        False, description="People may sign off the commits of others by one more commit that says so."
    )
    exempt_bots: tuple[str, ...] = Field((), description="Bot logins whose verified commits need no sign-off.")


class Pii(_Section):
    """Personal data in texts."""

    allowed: tuple[str, ...] = Field(
        (), description="Exact texts that are never reported, such as a project's own contact address."
    )


def _known_topic(name: str) -> str:
    from checks.topics import topic_names  # here, because few policies name one

    if name not in topic_names():
        raise ValueError(f'there is no topic "{name[:40]}"; the topics are {", ".join(topic_names())}')
    return name


def _phrase(written: str) -> str:
    from checks.phrases import PhraseError, read_phrase

    try:
        read_phrase("policy", written, 1.0, {})
    except PhraseError as error:
        raise ValueError(str(error)) from None
    return written


TopicName = Annotated[str, AfterValidator(_known_topic)]
PhraseText = Annotated[str, Field(max_length=200), AfterValidator(_phrase)]


class Topics(_Section):
    """Topics that are not taken, of which triagers are told."""

    accepted: tuple[TopicName, ...] = Field(
        (), description="Topics that this community takes: nobody is told of them."
    )
    phrases: dict[TopicName, Annotated[tuple[PhraseText, ...], Field(max_length=100)]] = Field(
        {},
        description="Further phrases of questions, by topic: words with blanks between them, `(a|b)` for a choice, "
        "`...` for up to four words of any kind.",
    )


class Teams(_Section):
    """Team slugs of the organisation; empty means nobody by team (repository permissions still count)."""

    triagers: tuple[str, ...] = Field((), description="Steer pull requests by labels and commands; never merge.")
    approvers: tuple[str, ...] = Field((), description="Approve and merge contributions.")
    maintainers: tuple[str, ...] = Field((), description="Approve changes to code and rules, and may override.")


class MergeMethod(StrEnum):
    """How GitHub brings a pull request into the branch."""

    SQUASH = "squash"
    MERGE = "merge"
    REBASE = "rebase"


def _merge_method(value: Any) -> Any:
    if value not in list(MergeMethod):
        raise ValueError(f"must be one of {', '.join(MergeMethod)}")
    return MergeMethod(value)


class Merging(_Section):
    """What a pull request needs before it is merged, and how that is done."""

    automatic: bool = Field(
        True, description="Merge as soon as nothing is missing; when off, an approver writes `/merge`."
    )
    method: Annotated[MergeMethod, BeforeValidator(_merge_method)] = Field(
        MergeMethod.SQUASH, description="squash, merge or rebase; squash keeps every Signed-off-by line."
    )
    approvals: PositiveInt = Field(1, description="Approvers that a contribution needs.")
    lgtms: PositiveInt = Field(
        2, description="Maintainers, none of them the author, that a change of anything else needs."
    )
    different_people: bool = Field(False, description="Who signs off triage and who approves must be two people.")
    needs_evaluation: bool = Field(
        False, description="A contribution needs an evaluation that finds the model not worse."
    )


class Generation(_Section):
    """Synthetic data that is made of a contribution."""

    least_samples: Annotated[int, Field(ge=0)] = Field(
        10, description="Fewest samples that a leaf must give; one that gives fewer is `sdg-unsuccessful`."
    )


class Builds(_Section):
    """What becomes of nightly builds."""

    auto_promote: bool = Field(
        False, description="A build that passes its gate is served at once; else a maintainer promotes it."
    )
    quarantine: bool = Field(
        True,
        description="Leaves that a failed gate is traced back to stay out of builds until a maintainer lifts it.",
    )
    report_issue: bool = Field(True, description="Reports go to one issue of the taxonomy repository.")
    tell_contributors: bool = Field(
        True, description="Each pull request is told once what the first published build did with it."
    )


def _day(value: Any) -> Any:
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        raise ValueError("must be a day like 2026-12-24") from None


Day = Annotated[date, BeforeValidator(_day)]
GitHubLogin = Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?$")]


class Reviewers(_Section):
    """People who look after what lies under some folders."""

    paths: tuple[str, ...] = Field((), description='Folders, such as "knowledge/science"; without any, everything.')
    people: tuple[GitHubLogin, ...] = Field((), description="Their logins, without @.")


class Vacation(_Section):
    """Days on which nobody is chosen who wants to rest."""

    login: GitHubLogin = Field(description="Who is away.")
    first_day: Day = Field(description="The first day away.")
    last_day: Day = Field(description="The last day away.")


class Care(_Section):
    """How people are looked after while they wait, and when we wait for them."""

    stale_days: PositiveInt = Field(
        21, description="Days without a word of its author after which a pull request that waits for it is stale."
    )
    close_days: PositiveInt = Field(14, description="Days after which a stale pull request is closed.")
    failing_pushes: PositiveInt = Field(
        3, description="Pushes in a row whose checks fail after which a person is called to help."
    )
    reviewers: tuple[Reviewers, ...] = Field(
        (), description="Who is asked to look at what: by folder, then whoever has least to do."
    )
    vacations: tuple[Vacation, ...] = Field((), description="Who is not asked when.")
    precision_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        90, description="A rule that is right less often is named in the weekly digest, to be demoted."
    )
    digest: bool = Field(True, description="Write the weekly digest as an issue, when there is something in it.")


class Messages(_Section):
    """What people are pointed to."""

    rules_url: WebAddress = Field(
        "https://github.com/taxonomy-bot/taxonomy-bot/blob/main/docs/rules.md",
        description="Address of the rule book that messages link to.",
    )
    welcome: bool = Field(True, description="Greet people who contribute for the first time.")


class Dashboard(_Section):
    """The bot's own pages about the repository."""

    public: bool | None = Field(
        None,
        description="Whether everybody may read them. Left out, as on GitHub: where the repository is public. "
        "Generated data, samples and logs are for triagers and the author alone, always.",
    )


class NewRules(_Section):
    """Rules that are new, or have become stricter, are gentle at first: they weigh less for some days."""

    gentle_days: Annotated[int, Field(ge=0)] = Field(
        14, description="Days for which what a new rule finds is a notice. Pushes after them are judged in full."
    )
    start: dict[str, Day] = Field(
        {},
        description='From when a rule ("topic") or one cause ("topic/poem") counts as new here, if later than its '
        "release: so that laptops and CI count as the bot does.",
    )


class Policy(_Section):
    """All settings of one community. Every field has a default, so an empty file is a valid policy."""

    limits: Limits = Limits()
    versions: Versions = Versions()
    licences: Licences = Licences()
    sources: Sources = Sources()
    documents: Documents = Documents()
    dco: Dco = Dco()
    pii: Pii = Pii()
    topics: Topics = Topics()
    teams: Teams = Teams()
    merging: Merging = Merging()
    generation: Generation = Generation()
    builds: Builds = Builds()
    care: Care = Care()
    messages: Messages = Messages()
    dashboard: Dashboard = Dashboard()
    new_rules: NewRules = NewRules()
    rules: dict[str, RuleSwitch] = Field(
        {},
        description='Switch a rule ("limits") or one cause ("limits/long-pair") to off, notice, warning or error.',
    )


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """One mistake in the file, in plain words, with its place (counted from 1)."""

    message: str
    line: int
    column: int


class PolicyError(Exception):
    """The file cannot be used. `problems` lists every mistake; fall back on the last good policy."""

    def __init__(self, problems: tuple[PolicyProblem, ...]) -> None:
        super().__init__("; ".join(f"line {p.line}: {p.message}" for p in problems))
        self.problems = problems


def default_policy() -> Policy:
    """Return the policy of a repository that has no file of its own."""
    return Policy()


def policy_schema() -> dict[str, Any]:
    """Return the JSON schema of the file, for editors and for the published documentation."""
    return Policy.model_json_schema()


def read_policy(text: str) -> Policy:
    """Read the file. Raises PolicyError with every mistake, its line and the nearest valid key."""
    document = yaml_tree.parse(text)
    problems = _unreadable(document)
    if problems:
        raise PolicyError(problems)
    if document.root is None or (isinstance(document.root, Scalar) and document.root.value is None):
        return default_policy()
    data = yaml_tree.to_data(document.root)
    problems = tuple(
        PolicyProblem(f'"{k.text}" stands here a second time', k.mark.line, k.mark.column)
        for k in document.duplicate_keys
    )
    try:
        policy = Policy.model_validate(_tuples(data))
    except ValidationError as error:
        problems += tuple(_problem(document, detail) for detail in error.errors())
        readable = _readable_part(data)
        problems += _rule_problems(document, readable) + _start_problems(document, readable)
        raise PolicyError(tuple(sorted(problems, key=lambda p: (p.line, p.column)))) from None
    problems += _rule_problems(document, policy) + _start_problems(document, policy)
    if problems:
        raise PolicyError(problems)
    return policy


def _readable_part(data: Any) -> Policy:
    """Return a policy with the rules that a file names, as far as they can be read, to look at their names."""

    def section(value: Any, key: str) -> dict[Any, Any]:
        found = value.get(key) if isinstance(value, dict) else None
        return found if isinstance(found, dict) else {}

    rules = {name: value for name, value in section(data, "rules").items() if isinstance(name, str)}
    starts = [name for name in section(section(data, "new_rules"), "start") if isinstance(name, str)]
    known = {name: _switch(value) for name, value in rules.items() if value is False or value in list(Switch)}
    return Policy(rules=known, new_rules=NewRules(start=dict.fromkeys(starts, date.min)))


def _unreadable(document: YamlDocument) -> tuple[PolicyProblem, ...]:
    if document.syntax:
        mark = document.syntax.mark
        return (PolicyProblem(f"this is not YAML: {document.syntax.problem}", mark.line, mark.column),)
    refused: tuple[tuple[yaml_tree.Mark | None, str], ...] = (
        (document.too_deep, "this is nested too deeply"),
        (document.too_large, "this is too large"),
        (
            document.aliases[0] if document.aliases else None,
            "aliases (*name) are not allowed; write the value out",
        ),
        (document.more_documents, "a second document starts here; only one is allowed"),
    )
    for place, message in refused:
        if place is not None:
            return (PolicyProblem(message, place.line, place.column),)
    return ()


def _tuples(value: Any) -> Any:
    """Strict models take tuples and enums only from their own types: hand lists over as tuples."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return value


def _problem(document: YamlDocument, detail: Any) -> PolicyProblem:
    path = tuple(detail["loc"])
    node = document.node_at(path)
    parent = document.node_at(path[:-1])
    mark = node.mark if node is not None else yaml_tree.Mark(1, 1)
    name = str(path[-1]) if path else "the file"
    if isinstance(parent, MapNode) and path and (key := parent.key(name)) is not None:
        mark = key.mark
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, _known_keys(path[:-1]), n=1)
        hint = f'; did you mean "{near[0]}"?' if near else f"; known here: {', '.join(_known_keys(path[:-1]))}"
        return PolicyProblem(f'unknown key "{name}"{hint}', mark.line, mark.column)
    return PolicyProblem(f'"{name}": {_plainly(detail["msg"])}', mark.line, mark.column)


def _plainly(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return message[0].lower() + message[1:]


def _known_keys(path: tuple[Any, ...]) -> list[str]:
    model: Any = Policy
    for step in path:
        if isinstance(step, int):  # an item of a list
            model = get_args(model)[0]
            continue
        field = model.model_fields.get(step) if hasattr(model, "model_fields") else None
        if field is None:
            return []
        model = field.annotation
    return list(model.model_fields) if hasattr(model, "model_fields") else []


def _rule_problems(document: YamlDocument, policy: Policy) -> tuple[PolicyProblem, ...]:
    """Refuse switches of rules that do not exist, and of those that protect everyone."""
    switchable = _rule_and_cause_ids()
    section = document.node_at(("rules",))
    problems = []
    for name, switch in policy.rules.items():
        if not switchable.get(name, False):
            message = _CANNOT_BE_SWITCHED.format(name) if name in switchable else _no_rule(name, switchable)
        elif switch in (Switch.WARNING, Switch.ERROR) and name in _kept_back_ids():
            message = _ONLY_FOR_TRIAGERS.format(name)
        else:
            continue
        key = section.key(name) if isinstance(section, MapNode) else None
        mark = key.mark if key else yaml_tree.Mark(1, 1)
        problems.append(PolicyProblem(message, mark.line, mark.column))
    return tuple(problems)


def _start_problems(document: YamlDocument, policy: Policy) -> tuple[PolicyProblem, ...]:
    """Refuse days for rules that do not exist."""
    known = _rule_and_cause_ids()
    section = document.node_at(("new_rules", "start"))
    unknown = [name for name in policy.new_rules.start if name not in known]
    keys = [section.key(name) if isinstance(section, MapNode) else None for name in unknown]
    marks = [key.mark if key else yaml_tree.Mark(1, 1) for key in keys]
    return tuple(
        PolicyProblem(_no_rule(name, known), mark.line, mark.column)
        for name, mark in zip(unknown, marks, strict=True)
    )


_CANNOT_BE_SWITCHED = 'the rule "{}" cannot be switched: it tells what could not be judged, or protects from harm'
_ONLY_FOR_TRIAGERS = '"{}" is a guess that only triagers read, so it is a notice or off, never more'


def _no_rule(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:100], known, n=1)
    return f'there is no rule "{name}"' + (f'; did you mean "{near[0]}"?' if near else "")


@cache
def _rule_and_cause_ids() -> dict[str, bool]:
    """Return the id of every rule and cause, and whether it can be switched."""
    from checks.registry import all_rules  # here, because the registry's rules know the policy

    rules = all_rules().values()
    return {i: rule.switchable for rule in rules for i in (rule.id, *(cause.id for cause in rule.causes))}


@cache
def _kept_back_ids() -> frozenset[str]:
    """Return the ids of causes that only triagers read, and of rules that have no others."""
    from checks.registry import all_rules  # here, because the registry's rules know the policy

    rules = all_rules().values()
    causes = {cause.id for rule in rules for cause in rule.causes if cause.kept_back}
    return frozenset(causes | {rule.id for rule in rules if all(cause.kept_back for cause in rule.causes)})
