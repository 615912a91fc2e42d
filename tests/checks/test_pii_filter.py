"""The quick looks before the slow questions hide nothing: whatever is found by asking everything is found.

The thorough way asks presidio for everything about the whole text, and every pattern of detect-secrets; then both
ways accept by the same terms. What is blanked beforehand (addresses, catalogue numbers, dates) is blanked in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.labelled_texts import filled, read_labelled
from checks import key_detectors
from checks import personal_data as pd
from checks import pii_recognisers as recognisers
from checks.personal_data import DataKind, Detection, detect, mask

PRESIDIO = (recognisers.CARD, recognisers.IBAN, recognisers.PHONE, *recognisers.NATIONAL_IDS)


def by_asking_everything(text: str) -> Iterator[Detection]:
    readable = pd._blank(text)
    asked = [(readable, entity) for entity in PRESIDIO] + [(readable.replace("/", " "), recognisers.EMAIL)]
    for whole, entity in asked:
        for _, start, end in recognisers.analyse(whole, (entity,)):
            found = pd._ACCEPT.get(entity, pd._accept_id)(readable, entity, start, end, False)
            if found is not None:
                yield found


def by_every_key_pattern(text: str) -> Iterator[Detection]:
    for detector in key_detectors.DETECTORS:
        for pattern in key_detectors.patterns_of(detector.plugin):
            for match in pattern.finditer(text):
                start, end = key_detectors.key_in(match)
                if key_detectors.is_key(detector, text, start, end) and not pd._SECRET_FILLER.search(
                    text, start, end
                ):
                    yield Detection(DataKind.SECRET, detector.what, start, end)


def assert_nothing_hidden(text: str, thorough: Iterator[Detection]) -> None:
    quick = detect(text)
    for wanted in thorough:
        assert any(one.start < wanted.end and wanted.start < one.end for one in quick), (wanted, quick)


PERSONAL = [text.text for text in read_labelled("personal_data")]
SECRETS = [text.text for text in read_labelled("secrets")]
PRIVATE = [t.text[a:b] for t in (*read_labelled("personal_data"), *read_labelled("secrets")) for a, b in t.private]
WORDS = [
    *("phone", "call me at", "visa", "card", "IBAN", "ssn", "passport", "nhs", "dni", "tax id", "PAN number"),
    *("pesel", "personnummer", "nric", "thai id", "kimlik", "medicare", "tfn", "itin", "taxpayer", "rrn", "hetu"),
    *("the heron", "feeds on fish.", "1234", "a@", "aws_secret_key", "cloudant", "secret_key", "ibm_api_key"),
]
SIGNS = " \n\t-–./()[]~+,:;=@#'\"_|<>\u00a0\u2011\u3000٣1aZé€"
a_number = st.from_regex(r"[+(]{0,2}[0-9]{1,5}([ ()./\-–]{0,2}[0-9]{1,5}){1,5}[A-Z]?", fullmatch=True)
a_piece = st.one_of(
    st.sampled_from(PRIVATE), st.sampled_from(WORDS), a_number, st.text(st.sampled_from(SIGNS), max_size=4)
)
a_text = st.lists(a_piece, max_size=8).flatmap(
    lambda pieces: st.sampled_from(["", " ", ", ", "\n", " is "]).map(lambda glue: glue.join(pieces))
)


@settings(max_examples=100, deadline=None)
@given(text=a_text)
@example(text="national insurance number AB 12 34 56 C")
@example(text="phone 171 – 234 – 5678")
@example(text="_DE89370400440532013000")
def test_no_personal_data_is_hidden(text: str) -> None:
    assert_nothing_hidden(text, by_asking_everything(text))


ADDRESSES = [
    *(
        "http://",
        "HTTPS://",
        "ht",
        "tps://",
        "ftp://",
        "\u017fsh://",
        "git://",
        "://",
        "www.",
        "ww.",
        "doi:10.1234/",
        "doi 10.",
    ),
    *(
        "ISBN",
        "isbn-13: ",
        "I\u017fSN ",
        "\u0131ssn",
        "pmc",
        "pageid=",
        "EAN ",
        "mean ",
        "ocean-",
        "oldid#",
        "arXiv:",
    ),
    *(
        "978-3-16-148410-0",
        "2301.00001",
        "1234 5678X",
        "2024-01-31",
        "2024/1/3 10:30",
        "10.1000/182",
        "x.org/+49301234567",
    ),
    *(" ", "\n", "<", '"', "|", "a", "-", "_", "\u0130d"),
]


@settings(max_examples=300, deadline=None)
@given(text=st.lists(st.sampled_from(ADDRESSES), max_size=12).map("".join))
@example(text="www.http://a|https://ssh://b doi:10.1234/http://x<y")
@example(text="shttp://a<ssh://b")
def test_what_is_blanked_is_what_the_patterns_match(text: str) -> None:
    "Addresses and numbers are looked for only behind their signs, and none is missed or cut short."
    whole = text
    for pattern in (pd._ADDRESS, pd._CATALOGUE_NUMBER, pd._DATE):
        whole = pattern.sub(lambda match: " " * len(match.group()), whole)

    assert pd._blank(text) == whole


@settings(max_examples=200, deadline=None)
@given(text=a_text)
def test_digits_may_be_looked_for_first(text: str) -> None:
    "Patterns that begin with a digit are quick, and match what they would with the look behind it in front."
    for quick, plain in (
        (pd._CARD_SHAPE, pd._CARD_SHAPE.pattern.replace(r"\d(?<!\w\d)", r"(?<!\w)\d", 1)),
        (pd._DATE, pd._DATE.pattern.replace(r"\d(?<=\b\d)", r"\b\d", 1)),
        (pd._PHONE_SHAPE, pd._PHONE_SHAPE.pattern.replace(r"\d(?<![A-Za-z\d]\d)", r"(?<![A-Za-z\d])\d", 1)),
    ):
        assert quick.pattern != plain
        assert [m.span() for m in quick.finditer(text)] == [m.span() for m in re.finditer(plain, text)]


@settings(max_examples=150, deadline=None)
@given(text=a_text)
@example(text=filled("//a/b/:_authToken={uuid}", "1"))
def test_no_key_is_hidden(text: str) -> None:
    assert_nothing_hidden(text, by_every_key_pattern(text))


@pytest.mark.parametrize("half", [0, 1])
def test_nothing_is_hidden_in_realistic_texts(half: int) -> None:
    for text in (*PERSONAL, *SECRETS)[half::2]:
        assert_nothing_hidden(text, by_asking_everything(text))
        assert_nothing_hidden(text, by_every_key_pattern(text))


@settings(max_examples=100, deadline=None)
@given(text=a_text)
def test_whatever_is_found_is_masked(text: str) -> None:
    "The quick look of the mask hides nothing either."
    for found in detect(text):
        assert pd._WORTH_MASKING.search(text), found
    assert not detect(text) or mask(text) != text


@pytest.mark.parametrize("entity", recognisers.NATIONAL_IDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_word_for_an_identity_holds_a_stem(entity: str, data: st.DataObject) -> None:
    "What is looked for first is in every word that the pattern takes."
    word = data.draw(st.from_regex(pd._ID_WORDS[entity], fullmatch=True))

    assert any(stem in pd.folded(word) for stem in recognisers.ID_STEMS[entity])
