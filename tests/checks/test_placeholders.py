"""What is left of the templates is found, and nothing else."""

from __future__ import annotations

import pytest

from checks.findings import Severity
from tests.checks.contributions import (
    COMMIT,
    REPO,
    SKILL_PATH,
    a_knowledge,
    a_skill,
    contribution_of,
    findings_of,
    knowledge_of,
    skill_of,
)


def seeded(**changed):
    seeds = [{"question": f"Question {n}?", "answer": "Yes."} for n in range(5)]
    return a_skill(seed_examples=[{**seeds[0], **changed}, *seeds[1:]])


def document(**changed):
    return a_knowledge(document={"repo": REPO, "commit": COMMIT, "patterns": ["a.md"], **changed})


LEFT_IN = {
    "the user name": (a_skill(created_by="YOUR_GITHUB_USERNAME"), "`created_by`"),
    "the user name inside an address": (document(repo="https://github.com/YOUR_GITHUB_USERNAME/a"), "`repo`"),
    "the domain": (a_knowledge(domain="SPECIFY_KNOWLEDGE_DOMAIN"), "`domain`"),
    "the commit": (document(commit="YOUR_COMMIT_SHA"), "`commit`"),
    "the repository": (document(repo="YOUR_GITHUB_REPO_URL"), "`repo`"),
    "the description": (a_skill(task_description="Provide a description of the skill"), "`task_description`"),
    "a question": (seeded(question="Question for the model"), "`question`"),
    "an answer": (seeded(answer="The desired response from the model\n"), "`answer`"),
    "a type in angle brackets": (seeded(question="<string>"), "`question`"),
    "a numbered question": (seeded(question="First question about this context?\n"), "`question`"),
    "the outline": (
        a_knowledge(
            document_outline="Provide an overview of your knowledge document here.\n"
            "Describe what information it contains and its structure.\n"
        ),
        "`document_outline`",
    ),
}


@pytest.mark.parametrize("case", LEFT_IN)
def test_what_the_template_says_has_to_go(case):
    text, key = LEFT_IN[case]
    [finding] = findings_of("placeholders", knowledge_of(text))
    assert (finding.cause.id, finding.severity) == ("placeholders/left-in", Severity.ERROR)
    assert key in finding.message
    line = text.split("\n")[finding.line - 1]
    assert key.strip("`") in line


FINE = {
    "a text about placeholders": seeded(answer="Set YOUR_COMMIT_SHA to the id of the commit, please."),
    "a type inside code": seeded(answer="std::vector<string> names;"),
    "an answer that begins alike": seeded(answer="Question for the model railway club: when do we meet?"),
}


@pytest.mark.parametrize("case", FINE)
def test_sentences_of_the_authors_own_stay(case):
    assert findings_of("placeholders", skill_of(FINE[case])) == []


def test_the_attribution_template_is_known_too():
    attribution = "[Link to source]\n  [Link to work]\nLicense: [License of the work]\nCreator: Ana\n[sic]\n"
    folder = SKILL_PATH.rpartition("/")[0]
    found = findings_of("placeholders", contribution_of((f"{folder}/attribution.txt", attribution)))
    assert [(f.line, f.column) for f in found] == [(1, 1), (2, 3), (3, 1)]
