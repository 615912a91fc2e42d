"""The licence rule: accepted, wrongly spelt, refused and unknown licences."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.findings import Severity, Suggestion
from checks.licence_names import Standing, read_licence
from checks.policy import Licences, Policy, default_policy
from tests.checks.contributions import attribution, causes, contribution_of, findings_of

PATH = "knowledge/science/birds/heron/attribution.txt"
ALLOWED = default_policy().licences.allowed

ACCEPTED = [
    *("CC0-1.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CC-BY-4.0", "CC-BY-SA-4.0", "Apache-2.0", "MIT"),
    *("cc-by-sa-4.0", "public domain", "Public Domain", "Public domain (a work of the US government)"),
    *("MIT OR GPL-3.0-only", "MIT AND Apache-2.0", "CC-BY-SA-4.0 (https://x.org/licence)"),
]
MISSPELT = {
    "CC BY-SA 4.0": "CC-BY-SA-4.0",
    "CC BY SA 4.0": "CC-BY-SA-4.0",
    "CC-BY-SA 4.0 International": "CC-BY-SA-4.0",
    "Creative Commons Attribution-ShareAlike 4.0": "CC-BY-SA-4.0",
    "Creative Commons Attribution-ShareAlike 4.0 International License (https://x.org)": "CC-BY-SA-4.0",
    "Creative Commons Attribution 4.0": "CC-BY-4.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "CC0": "CC0-1.0",
    "CC0 1.0 Universal": "CC0-1.0",
    "MIT License": "MIT",
    "CDLA Permissive 2.0": "CDLA-Permissive-2.0",
    "Community Data License Agreement - Permissive - Version 1.0": "CDLA-Permissive-1.0",
    "https://creativecommons.org/licenses/by-sa/4.0/": "CC-BY-SA-4.0",
    "CC BY-SA 4.0 and MIT": "CC-BY-SA-4.0 AND MIT",
}
REFUSED = [
    *(
        "GPL-3.0-only",
        "GPLv3",
        "GNU General Public License v3.0",
        "CC-BY-NC-4.0",
        "CC BY-NC-SA 4.0",
        "CC-BY-ND-4.0",
    ),
    *(
        "CC-BY-SA-3.0",
        "CDLA-Sharing-1.0",
        "GFDL",
        "BSD-3-Clause",
        "All Rights Reserved",
        "© 2020 The Heron Society",
    ),
    *("Proprietary", "No license", "for non-commercial use only", "MIT AND GPL-3.0-only", "CC BY-SA 4.0 and GFDL"),
    *("https://creativecommons.org/licenses/by-nc/4.0/",),
]
NO_LICENCE = ["free", "Open source", "Opensource", "open", "Creative Commons", "public law", "freely available"]
UNKNOWN = ["The Heron Society", "heron.dev", "A hands-on guide", "MIT Press"]
VERSIONLESS = ["CC BY-SA", "Apache License", "CDLA-Permissive"]


def findings(licence: str, policy: Policy | None = None) -> list[object]:
    return list(findings_of("licences", contribution_of((PATH, attribution(licence=licence))), policy))


@pytest.mark.parametrize("licence", ACCEPTED)
def test_an_accepted_licence_passes(licence: str) -> None:
    assert findings(licence) == []


@pytest.mark.parametrize(("written", "name"), MISSPELT.items())
def test_a_wrong_spelling_is_a_warning_with_the_line_to_write(written: str, name: str) -> None:
    [finding] = findings_of("licences", contribution_of((PATH, attribution(licence=written))))

    assert finding.cause.id == "licences/spelling"
    assert finding.severity is Severity.WARNING
    assert (finding.path, finding.line, finding.column) == (PATH, 4, 22)
    assert finding.suggestion == Suggestion(4, 4, (f"License of the work: {name}",))


CERTAIN = {
    **dict.fromkeys(REFUSED, ("licences/not-allowed", Severity.ERROR)),
    **dict.fromkeys(NO_LICENCE, ("licences/no-licence", Severity.ERROR)),
    **dict.fromkeys(UNKNOWN, ("licences/unknown", Severity.WARNING)),
    **dict.fromkeys(VERSIONLESS, ("licences/no-version", Severity.WARNING)),
}


@pytest.mark.parametrize(("licence", "expected"), CERTAIN.items(), ids=CERTAIN)
def test_other_texts_are_told_apart(licence: str, expected: tuple[str, Severity]) -> None:
    [finding] = findings_of("licences", contribution_of((PATH, attribution(licence=licence))))

    assert (finding.cause.id, finding.severity) == expected
    assert (finding.line, finding.column) == (4, 22)
    assert licence[:40] in finding.message


@pytest.mark.parametrize("value", ["", "-", "N/A", "unknown", "[License of the work]"])
def test_a_field_that_says_nothing_is_left_to_the_attribution_rule(value: str) -> None:
    assert findings(value) == []


def test_the_community_decides_what_is_accepted() -> None:
    policy = Policy(licences=Licences(allowed=("GPL-3.0-only",)))

    assert findings("GPL-3.0-only", policy) == []
    [finding] = findings_of("licences", contribution_of((PATH, attribution(licence="MIT"))), policy)
    assert "Only GPL-3.0-only is accepted." in finding.message


def test_each_source_is_judged() -> None:
    text = attribution(licence="MIT") + "\n" + attribution(licence="GPL-3.0") + "\n" + attribution(licence="CC0")

    found = findings_of("licences", contribution_of((PATH, text)))

    assert [(f.cause.id, f.line) for f in found] == [("licences/not-allowed", 10), ("licences/spelling", 16)]


def test_an_address_in_a_licence_field_is_not_repeated() -> None:
    [finding] = findings_of(
        "licences", contribution_of((PATH, attribution(licence="ask ana@heron-club.org for permission")))
    )

    assert "heron-club" not in finding.message


def test_a_licence_in_a_sentence_is_judged() -> None:
    text = attribution().replace("License of the work: CC-BY-SA-4.0\n", "This is licensed under GPL-3.0.\n")

    assert causes(findings_of("licences", contribution_of((PATH, text)))) == ["licences/not-allowed"]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(["MIT", "AND", "or", "(", ")", "CC", "BY", "4.0", "/", ",", "+", "WITH"]), max_size=8
        ).map(" ".join),
    )
)
def test_no_text_crashes_the_reading(text: str) -> None:
    assert read_licence(text, ALLOWED).standing in Standing
