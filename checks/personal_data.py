"""Personal data and secrets in a text: where they stand and of what kind, and the same text without them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

import phonenumbers

from checks import key_detectors
from checks import pii_recognisers as recognisers
from checks.quick_look import QuickLook


class DataKind(StrEnum):
    """What was found, strongest first; the value is what stands in its place in masked text."""

    SECRET = "key"  # noqa: S105  # the name of a kind, no password
    EMAIL = "e-mail"
    IBAN = "bank account"
    CARD = "card number"
    NATIONAL_ID = "identity number"
    PHONE = "phone number"
    POSSIBLE_PHONE = "number"


@dataclass(frozen=True, slots=True)
class Detection:
    """One place; `what` names it in words ("a GitHub token"). The text itself is never kept."""

    kind: DataKind
    what: str
    start: int
    end: int


MOST_PER_TEXT = 500  # numbers or addresses looked at; who has that many has been told often enough
_MOST_PHONES = 250  # the slowest to look at
_MOST_OF_PHONES = 5_000  # characters of them
_MOST_RUNS = 20_000  # of digits among which the likeliest are chosen

_WHAT = {
    recognisers.EMAIL: (DataKind.EMAIL, "an e-mail address"),
    recognisers.CARD: (DataKind.CARD, "a payment card number"),
    recognisers.IBAN: (DataKind.IBAN, "a bank account number (IBAN)"),
    recognisers.PHONE: (DataKind.PHONE, "a phone number"),
    **{entity: (DataKind.NATIONAL_ID, what) for entity, (_, what, _) in recognisers.NATIONAL_IDS.items()},
    **{entity: (DataKind.SECRET, what) for entity, (what, _, _) in recognisers.SECRETS.items()},
}
_STRENGTH = {kind: place for place, kind in enumerate(DataKind)}

_ADDRESS = re.compile(r"(?i:https?|ftp|ssh|git)://[^\s<>\"'|]+|\bwww\.[^\s<>\"'|]+|\bdoi:?\s?10\.\d{4,9}/\S+")
_CATALOGUE_NUMBER = re.compile(
    r"\b(?i:ISBN|ISSN|OCLC|PMID|PMC|LCCN|EAN|arXiv|oldid|curid|pageid)(?i:-?1[03])?[\s:=#]{0,3}[\d][\dXx –-]{3,20}"
)
_DATE = re.compile(r"\d(?<=\b\d)\d{3}([-/.])\d{1,2}\1\d{1,2}(?:[T ]{1,2}\d{1,2}:\d{2})?")
_IN_ADDRESSES = ("://", "www.", "doi")
_ADDRESS_SIGN = re.compile(  # quickly found: the ":" that ends a scheme, or how the other two begin
    r"[:wd](?:(?<=:)(?=//)(?:(?<=(?i:https):)|(?<=(?i:http):)|(?<=(?i:ftp|ssh|git):))"
    r"|(?<=\bw)(?=ww\.)|(?<=\bd)(?=oi))"
)
_SCHEME = re.compile(r"(?i:https?|ftp|ssh|git)\Z")
_LONGEST_SCHEME = 5
_IN_CATALOGUE_NUMBERS = ("isbn", "issn", "oclc", "pmid", "pmc", "lccn", "arxiv", "oldid", "curid", "pageid")
_EAN = re.compile(r"ean(?<=\bean)[-\s:=#\d]")  # these letters alone are in too many words
_EMAIL_SIGN = re.compile("@")
_EMAIL_AROUND = 300
_PHONE_SHAPE = re.compile(  # as wide as what phonenumbers takes for punctuation, and never beside a letter
    r"\d(?<![A-Za-z\d]\d)(?:[-x\u2010-\u2015\u2212\u30fc\uff0d-\uff0f \u00a0\u00ad\u200b\u2060\u3000()"
    r"\uff08\uff09\uff3b\uff3d.\[\]/~\u2053\u223c\uff5e]{0,4}\d){6,}(?![A-Za-z\d])"
)
_LONGEST_PHONE = 200  # of a run of digits looked at
_LIKELY_PHONE = 40  # longer runs are mostly tables and sums, and looked at last
_CARD_SHAPE = re.compile(r"\d(?<!\w\d)(?:[ -]?\d){12,}")
_IBAN_SHAPE = re.compile(r"\d{2}(?<=[A-Z]{2}\d{2})(?:[ -]?[A-Z0-9]{4}){2}")  # begins with the rarest: digits
_SECRET_FILLER = re.compile(r"EXAMPLE|x{6}|\*{3}|(?:0123456789|1234567890)", re.IGNORECASE)
_PLAIN_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_PHONE_WORDS = re.compile(
    r"\b(?:(?:tele|cell|smart)?phone|tel|mobile|cell (?:no|number)|whatsapp|fax|hotline|dial"
    r"|(?:call|text|reach|ring|contact) (?:me|us|him|her|them)(?: at| on)?)\b",
    re.IGNORECASE,
)
_CARD_WORDS = re.compile(r"\b(?:credit|debit|payment|bank)? ?card|\bvisa\b|\bmastercard\b", re.IGNORECASE)
_EXAMPLE_DOMAIN = re.compile(
    r"(?:.*[.@])?(?:example\.(?:com|org|net|edu)|[\w-]+\.(?:example|test|invalid))", re.IGNORECASE
)
_MACHINE_ADDRESS = re.compile(r"git@.*|.*@users\.noreply\.github\.com|noreply@github\.com", re.IGNORECASE)
_LONGEST_ID = 40
_NEAR_BEFORE, _NEAR_AFTER = 60, 25  # how far from a number a word may stand that says what it is
_ID_BEFORE_WORD, _ID_AFTER_WORD = _NEAR_AFTER + _LONGEST_ID, _NEAR_BEFORE + _LONGEST_ID
_WORD_BEFORE, _WORD_AFTER = re.compile(r"\w+\Z"), re.compile(r"\w+")
_ID_WORDS = {
    entity: re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for entity, (_, _, words) in recognisers.NATIONAL_IDS.items()
}
_IDENTITIES = QuickLook({entity: recognisers.ID_STEMS[entity] for entity in _ID_WORDS})
_TELLING_ID = re.compile(
    r"\d{3}-\d{2}-\d{4}|[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]|[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]"
)
_PUBLIC_NUMBERS = frozenset(
    {
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.UAN,
    }
)


def detect(text: str, allowed: Collection[str] = ()) -> list[Detection]:
    """Return what is found in the text, in order and without overlaps.

    At most MOST_PER_TEXT addresses and numbers are looked at, which bounds the time. `allowed` are exact texts
    that do not count. Addresses of example domains, of machines (git@host) and numbers inside web addresses do
    not count either.
    """
    known = frozenset(word.casefold() for word in allowed)
    found = _candidates(text, MOST_PER_TEXT, out_of_context=False)
    return _without_overlaps(d for d in found if text[d.start : d.end].casefold() not in known)


# an address, a number of some length, a word long enough for a key: without one of these nothing can be found
_WORTH_MASKING = re.compile(r"@|\d[\d \-./()]{4,}|[\w+/=\-]{16}|-----BEGIN")


def mask(text: str) -> str:
    """Return the text with everything found replaced by a word for it, such as "[e-mail removed]".

    Made for quotations, which may have lost the words around them: an identity or phone number of a telling
    form is removed even when nothing near it says what it is.
    """
    if not _WORTH_MASKING.search(text):  # nearly every message of ours
        return text
    pieces, at = [], 0
    for detection in _without_overlaps(_candidates(text, len(text), out_of_context=True)):
        pieces += [text[at : detection.start], f"[{detection.kind} removed]"]
        at = detection.end
    return "".join(pieces) + text[at:] if pieces else text


def _candidates(text: str, most: int, *, out_of_context: bool) -> Iterator[Detection]:
    for entity, start, end in recognisers.secrets(text, most):
        if not _SECRET_FILLER.search(text, start, end):
            yield _detection(entity, start, end)
    for what, start, end in key_detectors.keys(text, most):
        if not _SECRET_FILLER.search(text, start, end):
            yield Detection(DataKind.SECRET, what, start, end)
    named = _IDENTITIES.may_be_in(folded(text))
    if not named and not _may_hold_more(text, out_of_context=out_of_context):
        return
    readable = _blank(text)
    for entity, start, end in _matches(readable, named, most, out_of_context=out_of_context):
        detection = _ACCEPT.get(entity, _accept_id)(readable, entity, start, end, out_of_context)
        if detection is not None:
            yield detection


def _may_hold_more(text: str, *, out_of_context: bool) -> bool:
    """True for a sign of anything but a key or what is named; a card number looks like a long phone number."""
    return (
        "@" in text
        or _PHONE_SHAPE.search(text) is not None
        or _IBAN_SHAPE.search(text) is not None
        or (out_of_context and _TELLING_ID.search(text) is not None)
    )


def folded(text: str) -> str:
    """Return the text in lower case, as patterns that ignore case see it: to them some odd letters are plain."""
    return text.lower() if text.isascii() else text.casefold().replace("ı", "i").replace("i\u0307", "i")


def _matches(text: str, named: Iterable[str], most: int, *, out_of_context: bool) -> Iterator[tuple[str, int, int]]:
    """Yield what presidio sees, asked only where it can see anything: phone numbers cost most."""
    mails = list(islice(_around(text, _EMAIL_SIGN, 65, _EMAIL_AROUND), most))
    if mails:  # presidio takes a path in front of an address for a part of it
        yield from recognisers.analyse(_only(text, mails).replace("/", " "), (recognisers.EMAIL,))
    for entity, shape, after in ((recognisers.CARD, _CARD_SHAPE, 2), (recognisers.IBAN, _IBAN_SHAPE, 60)):
        places = list(islice(_around(text, shape, 4, after), most))
        if places:
            yield from recognisers.analyse(_only(text, places), (entity,))
    yield from _identity_numbers(text, named, most, out_of_context=out_of_context)
    numbers = list(islice(_phone_places(text), min(most, _MOST_PHONES)))
    if numbers:
        yield from recognisers.analyse(_only(text, numbers), (recognisers.PHONE,))


def _phone_places(text: str) -> Iterator[tuple[int, int]]:
    """Yield where a phone number may stand, runs as long as one first, so that no table of numbers hides any."""
    runs = [m.span() for m in islice(_PHONE_SHAPE.finditer(text), _MOST_RUNS)]
    left = _MOST_OF_PHONES
    for start, end in sorted(runs, key=lambda run: run[1] - run[0] > _LIKELY_PHONE):
        last = min(end, start + _LONGEST_PHONE)
        left -= last - start
        if left < 0:
            return
        yield max(0, start - 3), last + 2


def _identity_numbers(
    text: str, named: Iterable[str], most: int, *, out_of_context: bool
) -> Iterator[tuple[str, int, int]]:
    """Ask for an identity number near a word that names it; out of context, also at every telling form."""
    if out_of_context:
        telling = list(islice(_around(text, _TELLING_ID, 2, 2), most))
        if telling:
            yield from recognisers.analyse(_only(text, telling), tuple(_ID_WORDS))
    for entity in named:
        places = list(islice(_around(text, _ID_WORDS[entity], _ID_BEFORE_WORD, _ID_AFTER_WORD), most))
        if places:
            yield from recognisers.analyse(_only(text, places), (entity,))


def _around(text: str, sign: re.Pattern[str], before: int, after: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches around every match, widened to whole words where these are not endless."""
    for match in sign.finditer(text):
        start, end = max(0, match.start() - before), match.end() + after
        head, tail = _WORD_BEFORE.search(text, max(0, start - 60), start), _WORD_AFTER.match(text, end, end + 60)
        yield head.start() if head else start, tail.end() if tail else end


def _only(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return the text up to the last span, with all between spans blanked, so that every offset stays."""
    pieces, at = [], 0
    for start, end in sorted(spans):
        start, end = max(start, at), min(end, len(text))
        if start < end:
            pieces += [" " * (start - at), text[start:end]]
            at = end
    return "".join(pieces)


def _blank(text: str) -> str:
    """Return the text without web addresses, catalogue numbers and dates: their digits are no one's number."""
    if any(word in text for word in _IN_ADDRESSES):
        text = _without(text, _addresses(text))
    lowered = folded(text)
    if any(word in lowered for word in _IN_CATALOGUE_NUMBERS) or _EAN.search(lowered):
        text = _without(text, (match.span() for match in _CATALOGUE_NUMBER.finditer(text)))
    return _without(text, (match.span() for match in _DATE.finditer(text)))


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the pattern of an address matches, tried only where one may begin."""
    last = 0
    for sign in _ADDRESS_SIGN.finditer(text):
        start = sign.start()
        if sign[0] == ":" and (scheme := _SCHEME.search(text, max(last, start - _LONGEST_SCHEME), start)):
            start = scheme.start()
        if start >= last and (address := _ADDRESS.match(text, start)):
            last = address.end()
            yield address.span()


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return the text with these stretches, which are in order, blanked, so that every offset stays."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [text[at:start], " " * (end - start)]
        at = end
    return "".join(pieces) + text[at:] if pieces else text


def _detection(entity: str, start: int, end: int) -> Detection:
    kind, what = _WHAT[entity]
    return Detection(kind, what, start, end)


_Accept = Callable[[str, str, int, int, bool], Detection | None]


def _accept_email(text: str, entity: str, start: int, end: int, _: bool) -> Detection | None:
    address = text[start:end]
    public = _EXAMPLE_DOMAIN.fullmatch(address.rpartition("@")[2]) or _MACHINE_ADDRESS.fullmatch(address)
    return None if public else _detection(entity, start, end)


def _accept_card(text: str, entity: str, start: int, end: int, _: bool) -> Detection | None:
    """Take numbers that a card network gives out; any other that passes the checksum needs the word near it."""
    if _inside_number(text, start):
        return None
    digits = re.sub(r"\D", "", text[start:end])
    issued = (
        (digits[0] == "4" and len(digits) == 16)
        or (51 <= int(digits[:2]) <= 55 and len(digits) == 16)
        or (digits[:2] in {"34", "37"} and len(digits) == 15)
        or (digits[:2] in {"60", "64", "65", "35"} and len(digits) == 16)
        or (digits[:2] in {"30", "36", "38"} and len(digits) == 14)
    )
    return _detection(entity, start, end) if issued or _near(text, start, end, _CARD_WORDS) else None


def _accept_iban(text: str, entity: str, start: int, end: int, _: bool) -> Detection | None:
    return _detection(entity, start, end)


def _accept_id(text: str, entity: str, start: int, end: int, out_of_context: bool) -> Detection | None:
    """Take an identity number when a word near it says so; out of context, when its form alone is telling."""
    telling = out_of_context and _TELLING_ID.fullmatch(text, start, end)
    return _detection(entity, start, end) if telling or _near(text, start, end, _ID_WORDS[entity]) else None


def _accept_phone(text: str, entity: str, start: int, end: int, _: bool) -> Detection | None:
    written = text[start:end]
    digits = re.sub(r"\D", "", written)
    if not 7 <= len(digits) <= 15 or "\n" in written or _is_public_number(written):
        return None
    if written.startswith("+") or text[max(0, start - 1) : start] == "+" or _near(text, start, end, _PHONE_WORDS):
        return _detection(entity, start, end)
    if _PLAIN_NUMBER.fullmatch(written) or _inside_number(text, start):
        return None
    return Detection(DataKind.POSSIBLE_PHONE, "a number that may be a phone number", start, end)


_ACCEPT: dict[str, _Accept] = {
    recognisers.EMAIL: _accept_email,
    recognisers.CARD: _accept_card,
    recognisers.IBAN: _accept_iban,
    recognisers.PHONE: _accept_phone,
}


def _is_public_number(written: str) -> bool:
    """True for numbers of services (0800 ...) and those set aside for fiction (555-01..)."""
    if re.search(r"555[ .-]?01\d\d\s*$", written):
        return True
    try:
        number = phonenumbers.parse(written, "US")
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.number_type(number) in _PUBLIC_NUMBERS


def _inside_number(text: str, start: int) -> bool:
    """True for the digits after a decimal point or a thousands comma."""
    return start > 1 and text[start - 1] in ".," and text[start - 2].isdigit()


def _near(text: str, start: int, end: int, words: re.Pattern[str]) -> bool:
    return (
        words.search(text[max(0, start - _NEAR_BEFORE) : start]) is not None
        or words.search(text[end : end + _NEAR_AFTER]) is not None
    )


def _without_overlaps(found: Iterable[Detection]) -> list[Detection]:
    """Keep the stronger, then the longer, of detections that overlap; return them in order of place."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda d: (_STRENGTH[d.kind], d.start - d.end)):
        place = bisect_left(kept, one.start, key=lambda d: d.start)
        clear_before = place == 0 or kept[place - 1].end <= one.start
        clear_after = place == len(kept) or one.end <= kept[place].start
        if clear_before and clear_after:
            kept.insert(place, one)
    return kept
