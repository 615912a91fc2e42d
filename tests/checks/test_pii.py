"""The rule about personal data and keys: what is found, where, and that it is never repeated."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks import named_people
from checks.findings import Finding, Severity
from checks.personal_data import DataKind, detect, mask
from checks.policy import Pii, Policy
from checks.quoting import quoted
from tests.checks.contributions import (
    SKILL_PATH,
    a_file,
    a_skill,
    attribution,
    causes,
    contribution_of,
    findings_of,
    skill_of,
)

# Put together here so that no scanner takes this file for a leak.
GITHUB_TOKEN = "gh" + "p_" + "a1B2c3D4e5" * 4
AWS_KEY = "AK" + "IA" + "Z7QK4M2N8P5R3T6V"
JWT = "ey" + "J" + "hbGciOiJIUzI1NiJ9.ey" + "J" + "zdWIiOiIxMjM0In0.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"
PRIVATE_KEY = (
    "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIEpAIBAAKCAQEA7\nbm90IGEga2V5\n-----END RSA PRIVATE" + " KEY-----"
)
SECRET_VALUE = "api_key" + " = 'Zx81kQp4Lm20Rt77Yw'"
CARD = "4111 1111 1111 1111"
IBAN = "DE89 3704 0044 0532 0130 00"
SSN = "536-90-4399"

FOUND = {
    "an e-mail address": ("Write to ana@heron-club.org please.", "ana@heron-club.org", "pii/email"),
    "an address in brackets": ("Ana <ana@heron-club.org>", "ana@heron-club.org", "pii/email"),
    "a card number": (f"Pay with {CARD}.", CARD, "pii/payment"),
    "a bank account": (f"Send it to {IBAN} today.", IBAN, "pii/payment"),
    "an identity number with its name": (f"My social security number is {SSN}.", SSN, "pii/identity-number"),
    "an international phone number": ("Ring +49 171 1234567 in the evening.", "+49 171 1234567", "pii/phone"),
    "a phone number with a word for it": ("My phone is (212) 867-5309.", "(212) 867-5309", "pii/phone"),
    "a GitHub token": (f"token {GITHUB_TOKEN}", GITHUB_TOKEN, "pii/key"),
    "an AWS key": (f"id {AWS_KEY}", AWS_KEY, "pii/key"),
    "a login token": (f"Bearer {JWT}", JWT, "pii/key"),
    "a key given to a name": (f"set {SECRET_VALUE}", SECRET_VALUE, "pii/key"),
    "a token inside an address": (f"https://x.org/?t={GITHUB_TOKEN}", GITHUB_TOKEN, "pii/key"),
    "a password inside an address": ("https://ana:Tr0ub4dor@git.heron.dev/x", "ana:Tr0ub4dor@", "pii/key"),
}


@pytest.mark.parametrize(("text", "private", "cause"), FOUND.values(), ids=FOUND)
def test_personal_data_is_found_and_never_repeated(text: str, private: str, cause: str) -> None:
    "The finding names line and column in the block text, and holds nothing of what was found."
    leaf = a_skill(task_description="AAA\n").replace("AAA", f"|\n  First line.\n  {text}\n")
    at = next(n for n, line in enumerate(leaf.splitlines(), 1) if private.split("\n")[0] in line)

    [finding] = [f for f in findings_of("pii", skill_of(leaf)) if f.cause.id == cause]

    assert finding.severity is Severity.ERROR
    assert (finding.path, finding.line) == (SKILL_PATH, at)
    assert finding.column == leaf.splitlines()[at - 1].index(private) + 1
    assert_not_repeated(finding, private)


def assert_not_repeated(finding: Finding, private: str) -> None:
    said = str(asdict(finding))
    assert private not in said
    assert not any(len(word) > 4 and word in said for word in private.replace("@", " ").split())


@pytest.mark.parametrize(("text", "private", "cause"), FOUND.values(), ids=FOUND)
def test_quotations_are_masked(text: str, private: str, cause: str) -> None:
    assert private not in mask(text)
    assert "removed]" in mask(text)
    assert private not in quoted(text)


NOT_FOUND = {
    "an address at an example domain": "ana@example.org or ben@mail.example.com",
    "an address reserved for tests": "ana@heron.test",
    "a git address": "git@github.com:ana/kingfisher.git",
    "a private GitHub address": "1234+ana@users.noreply.github.com",
    "the revision of a Wikipedia page": "https://en.wikipedia.org/w/index.php?title=Heron&oldid=1220943004",
    "a revision without its address": "oldid=1220943004",
    "a number": "There are 1234567890 stars and 40000000 birds.",
    "a decimal number": "It is 0.9990234375 or 47,045.3125 metres.",
    "a number that passes the card checksum": "The answer is 1800000000000009.",
    "a book number": "ISBN 978-3-16-148410-0",
    "a doi": "doi:10.1000/182 and https://doi.org/10.1093/ajae/aaq063",
    "an identity number without a word": f"The part {SSN} is out of stock.",
    "a version": "Python 3.11.4 and 10.0.0.1",
    "a commit": "e1d0385bc1762ab5658eaadeb3e603f1d10b672d",
    "a date and time": "2024-04-24 12:30:45",
    "a service number": "Our phone: 1-800-555-0199",
    "a phone number of fiction": "Call me at 212-555-0123.",
    "a probe of a kernel": 'kernel.function("do_vfs_ioctl@fs/ioctl.c:772")',
    "the key of a manual": "AKIA" + "IOSFODNN7EXAMPLE",
    "a word with sk-": "sk-learn-is-a-library-for-machine-learning",
    "a password that is none": "https://user:password@host.example/x",
}


@pytest.mark.parametrize("text", NOT_FOUND.values(), ids=NOT_FOUND)
def test_ordinary_text_is_left_alone(text: str) -> None:
    found = findings_of("pii", skill_of(a_skill(task_description=text)))

    assert [f for f in found if f.severity is Severity.ERROR] == []


@pytest.mark.parametrize(
    "text", ["2024-05-21 18:00:00 UTC", "on 2024/05/21", "0.9990234375", "40000000", "3,000,000"]
)
def test_dates_and_plain_numbers_are_no_phone_numbers(text: str) -> None:
    assert findings_of("pii", skill_of(a_skill(task_description=text))) == []


def test_a_number_that_may_be_a_phone_number_is_for_triagers() -> None:
    [finding] = findings_of("pii", skill_of(a_skill(task_description="It reads 212-867-5309 there.")))

    assert finding.cause.id == "pii/possible-phone"
    assert finding.severity is Severity.NOTICE


def test_what_the_policy_allows_is_not_reported() -> None:
    policy = Policy(pii=Pii(allowed=("Info@Heron-Club.org",)))
    leaf = a_skill(task_description="info@heron-club.org and ana@heron-club.org")

    assert causes(findings_of("pii", skill_of(leaf), policy)) == ["pii/email"]


def test_a_private_key_is_one_finding_and_masked_whole() -> None:
    indented = PRIVATE_KEY.replace("\n", "\n  ")
    leaf = a_skill(task_description="AAA\n").replace("AAA", f"|\n  {indented}\n")

    [finding] = findings_of("pii", skill_of(leaf))

    assert finding.cause.id == "pii/key"
    assert "revoke" in finding.how_to_fix
    assert "MIIE" not in mask(leaf)
    assert "bm90" not in mask(leaf)


def test_what_only_an_escape_reveals_is_found() -> None:
    leaf = a_skill(task_description="AAA").replace("AAA", '"Write to ana\\x40heron-club.org"')

    [finding] = findings_of("pii", skill_of(leaf))

    assert finding.cause.id == "pii/email"
    assert (finding.line, finding.column) == (2, 19)


def test_a_leaf_that_is_not_yaml_is_searched_too() -> None:
    leaf = "version: 3\nseed_examples: [\n  write to ana@heron-club.org"

    [finding] = findings_of("pii", skill_of(leaf))

    assert (finding.line, finding.column) == (3, 12)


def test_the_attribution_file_is_searched_too() -> None:
    path = "knowledge/science/birds/heron/attribution.txt"
    text = attribution().replace("Wikipedia authors", "Ana <ana@heron-club.org>")

    [finding] = findings_of("pii", contribution_of((path, text)))

    assert (finding.path, finding.line, finding.column) == (path, 5, 21)


def test_files_that_are_no_text_are_left_to_others() -> None:
    contribution = contribution_of(
        (SKILL_PATH, b"\xff\xfe\x00bin"), a_file(SKILL_PATH.replace("qna.yaml", "attribution.txt"), None, size=9)
    )

    assert findings_of("pii", contribution) == []


def test_every_place_is_reported_even_hundreds() -> None:
    text = "".join(f"- person{n}@heron-club.org\n" for n in range(300))

    assert len(detect(text)) == 300
    assert "@" not in mask(text)


def test_a_masked_text_keeps_the_rest() -> None:
    assert mask("Ask ana@heron-club.org, then rest.") == "Ask [e-mail removed], then rest."


def test_out_of_context_a_telling_form_is_masked() -> None:
    assert SSN not in mask(f"value {SSN}")
    assert "867-5309" not in mask("value 212-867-5309")


HOSTILE = {
    "at signs": "@" * 1_000_000,
    "letters and at signs": "a@" * 500_000,
    "dots and at signs": "a.a.a.a.a.a@" * 80_000,
    "one long word": "a" * 1_000_000,
    "one long number": "1" * 1_000_000,
    "numbers": "12 34 56 78 " * 80_000,
    "plus numbers": "+49 171 1234567 " * 60_000,
    "login tokens": "eyJ-" * 250_000,
    "key words": "api_key=" * 120_000,
    "addresses": "https://a:" * 100_000,
    "private keys": "-----BEGIN PRIVATE " * 50_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_costs_bounded_time(text: str) -> None:
    detect("warm up a@b.org 12345678")
    start = time.perf_counter()
    detect(text)

    assert time.perf_counter() - start < 8


def test_the_engine_loads_no_tensor_library_and_only_when_needed() -> None:
    "A clean text loads nothing; an address loads presidio, never torch, and leaves the import system as it was."
    script = (
        "import sys\n"
        "from checks.personal_data import detect\n"
        "detect('a clean text')\n"
        "assert 'presidio_analyzer' not in sys.modules\n"
        "assert len(detect('ana@heron-club.org')) == 1\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)


class _Span:
    label_ = "PERSON"

    def __init__(self, text: str, start: int) -> None:
        self.text, self.start_char = text, start


class _Doc:
    ents = (_Span("Ana", 4), _Span("Ana", 20), _Span("Ben", 30))


def test_names_are_a_notice_where_a_model_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_people, "installed_model", lambda: "a_model")
    monkeypatch.setattr(named_people, "_pipeline", lambda model: lambda text: _Doc())

    [finding] = findings_of("pii", skill_of(a_skill()))

    assert finding.cause.id == "pii/people-named"
    assert finding.severity is Severity.NOTICE
    assert finding.line == 1
    assert "Ana" not in finding.message


def test_without_a_model_names_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_people, "installed_model", lambda: None)

    assert findings_of("pii", skill_of(a_skill())) == []


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("a1@.+- \n://=_ey4\u00e9"), max_size=200))
def test_places_lie_inside_the_text_and_never_overlap(text: str) -> None:
    at = 0
    for found in detect(text):
        assert at <= found.start < found.end <= len(text)
        at = found.end


@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=300))
def test_no_bytes_crash_it(content: bytes) -> None:
    path: Any = SKILL_PATH.replace("qna.yaml", "attribution.txt")
    for found in findings_of("pii", contribution_of((SKILL_PATH, content), (path, content))):
        assert found.path in {SKILL_PATH, path}
        assert 1 <= (found.line or 1) <= len(content) + 1


def test_every_kind_has_a_word_for_masked_text() -> None:
    assert all(kind.value and kind.value.isascii() for kind in DataKind)


def test_no_table_of_numbers_hides_a_phone_number() -> None:
    table = "".join(f"9 - 9 - {row} - 9 - 9 - 9 - 9 - 9 - 9 - 9 - 9 - 9 - 9 - 9\n" for row in range(1_000))
    found = detect(f"{table}Call me at +49 30 12345678.")
    assert DataKind.PHONE in {one.kind for one in found}
