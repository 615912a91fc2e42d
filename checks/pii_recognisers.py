"""The engine that finds personal data by pattern: presidio's recognisers, no model, no network, built once."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import Any

from checks.quick_look import QuickLook
from checks.time_limit import untimed

EMAIL = "EMAIL_ADDRESS"
CARD = "CREDIT_CARD"
IBAN = "IBAN_CODE"
PHONE = "PHONE_NUMBER"

# Presidio's class for each national id, what people call it, and the words one of which must stand near it.
NATIONAL_IDS = {
    "US_SSN": ("UsSsnRecognizer", "a US social security number", r"ssns?|social security"),
    "US_ITIN": ("UsItinRecognizer", "a US taxpayer number", r"itin|taxpayer"),
    "US_PASSPORT": ("UsPassportRecognizer", "a passport number", r"passport"),
    "UK_NINO": ("UkNinoRecognizer", "a UK national insurance number", r"national insurance|nino|ni number"),
    "UK_NHS": ("NhsRecognizer", "a UK health service number", r"nhs|national health service"),
    "ES_NIF": ("EsNifRecognizer", "a Spanish identity number", r"nif|dni|documento nacional"),
    "ES_NIE": ("EsNieRecognizer", "a Spanish foreigner number", r"nie|extranjer[oa]s?"),
    "IT_FISCAL_CODE": ("ItFiscalCodeRecognizer", "an Italian tax code", r"codice fiscale|fiscal code|tax code"),
    "PL_PESEL": ("PlPeselRecognizer", "a Polish identity number", r"pesel"),
    "SG_NRIC_FIN": ("SgFinRecognizer", "a Singaporean identity number", r"nric|fin(?: number)?"),
    "AU_TFN": ("AuTfnRecognizer", "an Australian tax file number", r"tfn|tax file"),
    "AU_MEDICARE": ("AuMedicareRecognizer", "an Australian Medicare number", r"medicare"),
    "IN_AADHAAR": ("InAadhaarRecognizer", "an Indian Aadhaar number", r"aadha+r|uidai"),
    "IN_PAN": ("InPanRecognizer", "an Indian tax number", r"pan (?:card|number|no)|permanent account"),
    "FI_PERSONAL_IDENTITY_CODE": (
        "FiPersonalIdentityCodeRecognizer",
        "a Finnish identity code",
        r"henkilötunnus|hetu|personal identity code",
    ),
    "KR_RRN": ("KrRrnRecognizer", "a Korean resident number", r"resident registration|rrn|주민등록번호"),
    "DE_TAX_ID": ("DeTaxIdRecognizer", "a German tax number", r"steuer\w*|tax id|idnr"),
    "SE_PERSONNUMMER": ("SePersonnummerRecognizer", "a Swedish identity number", r"personnummer|personal number"),
    "TR_NATIONAL_ID": ("TrNationalIdRecognizer", "a Turkish identity number", r"kimlik|turkish id"),
    "TH_TNIN": ("ThTninRecognizer", "a Thai identity number", r"thai id|thai national id|เลขประจำตัวประชาชน"),
}
# What each of these words begins with, or holds: without one of them in the text, the word is not there.
ID_STEMS = {
    "US_SSN": ("ssn", "social security"),
    "US_ITIN": ("itin", "taxpayer"),
    "US_PASSPORT": ("passport",),
    "UK_NINO": ("national insurance", "nino", "ni number"),
    "UK_NHS": ("nhs", "national health service"),
    "ES_NIF": ("nif", "dni", "documento nacional"),
    "ES_NIE": ("nie", "extranjer"),
    "IT_FISCAL_CODE": ("codice fiscale", "fiscal code", "tax code"),
    "PL_PESEL": ("pesel",),
    "SG_NRIC_FIN": ("nric", "fin"),
    "AU_TFN": ("tfn", "tax file"),
    "AU_MEDICARE": ("medicare",),
    "IN_AADHAAR": ("aadha", "uidai"),
    "IN_PAN": ("pan card", "pan n", "permanent account"),
    "FI_PERSONAL_IDENTITY_CODE": ("henkilötunnus", "hetu", "personal identity code"),
    "KR_RRN": ("resident registration", "rrn", "주민등록번호"),
    "DE_TAX_ID": ("steuer", "tax id", "idnr"),
    "SE_PERSONNUMMER": ("personnummer", "personal number"),
    "TR_NATIONAL_ID": ("kimlik", "turkish id"),
    "TH_TNIN": ("thai id", "thai national id", "เลขประจำตัวประชาชน"),
}

_APART = r"(?<![A-Za-z0-9_-])"
_ASSIGNED = (
    *(f"{name}{dash}key" for name in ("api", "secret", "access") for dash in ("_", "-", "")),
    *(f"{name}{dash}token" for name in ("auth", "access") for dash in ("_", "-", "")),
    *(f"client{dash}secret" for dash in ("_", "-", "")),
    "password",
)
# What each key or password is called, words (in lower case) without which it need not be looked for, its pattern.
SECRETS = {
    "AWS_ACCESS_KEY": (
        "an AWS access key",
        ("akia", "asia"),
        rf"{_APART}(?:AKIA|ASIA)[0-9A-Z]{{16}}(?![0-9A-Za-z])",
    ),
    "GITHUB_TOKEN": (
        "a GitHub token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        rf"{_APART}(?:gh[pousr]_[A-Za-z0-9]{{36,255}}|github_pat_[A-Za-z0-9_]{{22,255}})",
    ),
    "GITLAB_TOKEN": ("a GitLab token", ("glpat-",), rf"{_APART}glpat-[A-Za-z0-9_-]{{20,255}}"),
    "SLACK_TOKEN": ("a Slack token", ("xox",), rf"{_APART}xox[abeprs]-[A-Za-z0-9-]{{10,255}}"),
    "GOOGLE_API_KEY": ("a Google API key", ("aiza",), rf"{_APART}AIza[0-9A-Za-z_-]{{35}}(?![0-9A-Za-z_-])"),
    "MODEL_API_KEY": (
        "a key of a model service",
        ("sk-", "hf_"),
        rf"{_APART}(?:sk-(?=[A-Za-z_-]{{0,60}}\d)(?=[a-z0-9_-]{{0,60}}[A-Z])[A-Za-z0-9_-]{{20,255}}"
        r"|hf_[A-Za-z0-9]{30,255})",
    ),
    "STRIPE_KEY": (
        "a payment service key",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_"),
        rf"{_APART}[rs]k_(?:live|test)_[A-Za-z0-9]{{16,255}}",
    ),
    "PACKAGE_TOKEN": (
        "a package registry token",
        ("npm_", "pypi-"),
        rf"{_APART}(?:npm_[A-Za-z0-9]{{36}}(?![A-Za-z0-9])|pypi-[A-Za-z0-9_-]{{50,255}})",
    ),
    "JSON_WEB_TOKEN": (
        "a login token (JWT)",
        ("eyj",),
        rf"{_APART}eyJ[A-Za-z0-9_-]{{8,4000}}+\.eyJ[A-Za-z0-9_-]{{8,4000}}+\.[A-Za-z0-9_-]{{8,1000}}",
    ),
    "PRIVATE_KEY": (
        "a private key",
        ("-----begin ", "putty-user-key-file-"),
        r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----[^-]{0,8000}"
        r"(?:-----END [A-Z0-9 ]{1,40}-----)?"
        r"|PuTTY-User-Key-File-[23]:.{0,200}\n(?:.{0,200}\n){1,60}?Private-Lines:[A-Za-z0-9+/=\s]{8,8000}",
    ),
    "PASSWORD_IN_ADDRESS": (
        "a password inside a web address",
        ("@",),
        r"(?<=://)[^\s:/@<>{}\[\]]{1,64}:(?!\w{0,8}pass|\*|x+@|secret|token)[^\s:/@<>{}\[\]]{3,128}@",
    ),
    "ASSIGNED_SECRET": (
        "a key or password",
        _ASSIGNED,
        r"(?i:api[_-]?key|secret[_-]?key|access[_-]?key|client[_-]?secret|auth[_-]?token|access[_-]?token|password)"
        r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?=[^\s\"']{0,80}\d)(?=[^\s\"']{0,80}[A-Z])(?=[^\s\"']{0,80}[a-z])"
        r"[A-Za-z0-9+/_.=-]{16,255}",
    ),
}
_SECRETS = {entity: re.compile(pattern) for entity, (_, _, pattern) in SECRETS.items()}
_LOOK = QuickLook({entity: words for entity, (_, words, _) in SECRETS.items()})
_PHONE_REGIONS = ("US", "GB", "DE", "FR", "IN", "BR")
_HEAVY = ("torch", "transformers", "tensorflow")  # spaCy's machinery imports them wherever they are installed


def analyse(text: str, entities: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return (entity, start, end) for every match of the entities' patterns in the text, in order."""
    found = engine().analyze(text, language="en", entities=list(entities), score_threshold=0.0)
    return sorted((r.entity_type, r.start, r.end) for r in found)


def secrets(text: str, most: int) -> Iterator[tuple[str, int, int]]:
    """Yield (entity, start, end) for keys and passwords, at most `most` of each kind."""
    for entity in _LOOK.may_be_in(text.lower()):
        for match in islice(_SECRETS[entity].finditer(text), most):
            yield entity, match.start(), match.end()


@cache
def engine() -> Any:
    """Return the analyser. The first call imports presidio (about a second, 100 MB); nothing does before."""
    with untimed():
        return _built()


def _built() -> Any:
    with offline_and_light():
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer import predefined_recognizers as predefined
        from presidio_analyzer.nlp_engine import NoOpNlpEngine

    recognisers = [
        predefined.EmailRecognizer(),
        predefined.CreditCardRecognizer(),
        predefined.IbanRecognizer(),
        predefined.PhoneRecognizer(supported_regions=_PHONE_REGIONS),
        *(getattr(predefined, cls)(supported_language="en") for cls, _, _ in NATIONAL_IDS.values()),
    ]
    nothing = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}])
    return AnalyzerEngine(registry=RecognizerRegistry(recognisers), nlp_engine=nothing)


@contextmanager
def offline_and_light() -> Iterator[None]:
    """Import presidio without its network look-up of domain endings and without any tensor library."""
    absent = [name for name in _HEAVY if name not in sys.modules]
    before = os.environ.get("TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS")
    os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"] = ""
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None makes an import fail cleanly
    try:
        import tldextract  # noqa: F401  # reads the variable now

        yield
    finally:
        for name in absent:
            del sys.modules[name]
        if before is None:
            del os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"]
        else:
            os.environ["TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS"] = before
