"""Keys of many services, found by the patterns that detect-secrets keeps; no network, no files, nothing verified.

Only its patterns are used, each on the few characters around a sign without which it can find nothing, and only
those that are precise: nothing is called a key because it looks random.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

from checks.quick_look import QuickLook
from checks.time_limit import untimed


def _any(_: str) -> bool:
    return True


def _mixed(key: str) -> bool:
    """True for letters of both cases and digits: neither a hash nor a word."""
    return all(re.search(kind, key) for kind in ("[a-z]", "[A-Z]", r"\d"))


def _with(pattern: str) -> Callable[[str], bool]:
    return re.compile(pattern).search  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Detector:
    """One plugin: what it finds, in which of its classes, and where it is worth asking.

    `words` (in lower case) is a quick look: the text holds one of them, or nothing is found. `sign` stands in
    every match, which lies within `before` and `after` characters of it. `real` sorts out what only looks so.
    """

    what: str
    plugin: str
    words: tuple[str, ...]
    sign: re.Pattern[str]
    before: int = 0
    after: int = 0
    real: Callable[[str], object] = _any


_NAME = r"[\w-]{0,20}(?:key|pwd|pw|password|pass|token)"
DETECTORS = (
    Detector(
        "an AWS access key",
        "aws.AWSKeyDetector",
        ("abia", "acca", "akia", "asia", "a3t"),
        re.compile(r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}"),
        real=_with(r"\d"),
    ),
    Detector(
        "an AWS secret key",
        "aws.AWSKeyDetector",
        ("aws",),
        re.compile(r"(?i:aws)(?=[^\n]{0,60}['\"][0-9A-Za-z/+]{40}['\"])"),
        after=110,
        real=_mixed,
    ),
    Detector(
        "a storage key of Azure",
        "azure_storage_key.AzureStorageKeyDetector",
        ("accountkey=",),
        re.compile("AccountKey="),
        after=90,
        real=_mixed,
    ),
    Detector(
        "a GitLab token",
        "gitlab_token.GitLabTokenDetector",
        ("gldt-", "glft-", "glsoat-", "glrt-", "glcbt-", "glimt-", "glptt-", "glagent-", "gloas-", "gr1348941"),
        re.compile(r"gl(?:dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|GR1348941"),
        after=120,
        real=_with(r"\d"),
    ),
    Detector(
        "an address to post to Slack",
        "slack.SlackDetector",
        ("hooks.slack.com/services/",),
        re.compile(r"https://hooks\.slack\.com/services/", re.IGNORECASE),
        after=200,
        real=_with(r"\d"),
    ),
    Detector(
        "a SendGrid key",
        "sendgrid.SendGridDetector",
        ("sg.",),
        re.compile(r"SG\.(?=[\w-]{22}\.)"),
        after=70,
        real=_mixed,
    ),
    Detector(
        "a Twilio key",
        "twilio.TwilioKeyDetector",
        ("ac", "sk"),
        re.compile(r"(?:AC|SK)[0-9a-f]{32}"),
        real=_with(r"[a-f].*\d|\d.*[a-f]"),
    ),
    Detector(
        "a token of a Discord bot",
        "discord.DiscordBotTokenDetector",
        (".",),
        re.compile(r"\.[\w-]{6}\.[\w-]{27}", re.ASCII),
        before=26,
        real=_mixed,
    ),
    Detector(
        "a token of a Telegram bot",
        "telegram_token.TelegramBotTokenDetector",
        (":aa",),
        re.compile(r":AA[\w-]{33}", re.ASCII),
        before=12,
        real=_mixed,
    ),
    Detector(
        "a Mailchimp key",
        "mailchimp.MailchimpDetector",
        ("-us",),
        re.compile(r"-us\d"),
        before=33,
        after=2,
        real=_with(r"[a-z].*\d.*-|\d.*[a-z].*-"),
    ),
    Detector(
        "a key of an IBM service",
        "ibm_cloud_iam.IbmCloudIamDetector",
        ("ibm", "iam", "cloud"),
        re.compile(rf"(?i)(?:ibm|iam|cloud){_NAME}"),
        after=70,
        real=_mixed,
    ),
    Detector(
        "a key of an IBM service",
        "ibm_cos_hmac.IbmCosHmacDetector",
        ("secret",),
        re.compile(r"(?i)secret[-_]?(?:access)?[-_]?key"),
        before=16,
        after=70,
        real=_with(r"[a-f].*\d|\d.*[a-f]"),
    ),
    Detector(
        "a key of an IBM service",
        "cloudant.CloudantDetector",
        ("cloudant",),
        re.compile(rf"(?i)cloudant{_NAME}"),
        after=90,
    ),
    Detector(
        "a key of an IBM service",
        "softlayer.SoftlayerDetector",
        ("softlayer",),
        re.compile(rf"(?i)softlayer{_NAME}|softlayer\.com/soap/"),
        before=12,
        after=90,
    ),
    Detector(
        "a key of a payment service",
        "square_oauth.SquareOAuthDetector",
        ("sq0csp-",),
        re.compile("sq0csp-"),
        after=50,
        real=_with(r"\d"),
    ),
    Detector(
        "a key of an artifact store",
        "artifactory.ArtifactoryDetector",
        ("akcp",),
        re.compile(r"AKCp[A-Za-z0-9]{40}"),
        before=1,
        after=200,
        real=_mixed,
    ),
    Detector(
        "a package registry token",
        "npm.NpmDetector",
        (":_authtoken=",),
        re.compile(":_authToken="),
        before=200,
        after=50,
        real=_with(r"\d"),
    ),
)
_LOOK = QuickLook({detector: detector.words for detector in DETECTORS})
_SHORTEST = 16  # a part of a match that is shorter is no key, but the kind of it
_WORDLIKE = re.compile(r"[A-Za-z0-9]")


def keys(text: str, most: int) -> Iterator[tuple[str, int, int]]:
    """Yield what is found: what it is called, and where it begins and ends. At most `most` signs a kind."""
    for detector in _LOOK.may_be_in(text.lower()):
        for sign in islice(detector.sign.finditer(text), most):
            yield from _around(detector, text, sign.start() - detector.before, sign.end() + detector.after)


def _around(detector: Detector, text: str, first: int, last: int) -> Iterator[tuple[str, int, int]]:
    for pattern in patterns_of(detector.plugin):
        for match in pattern.finditer(text[max(0, first) : last]):
            start, end = key_in(match)
            start, end = start + max(0, first), end + max(0, first)
            if is_key(detector, text, start, end):
                yield detector.what, start, end


def key_in(match: re.Match[str]) -> tuple[int, int]:
    """Return where the key itself stands in a match: in a part of it, where the rest is its name."""
    parts = [match.span(part) for part in range(1, (match.re.groups or 0) + 1) if match[part]]
    longest = max(parts, key=lambda span: span[1] - span[0], default=match.span())
    start, end = longest if longest[1] - longest[0] >= _SHORTEST else match.span()
    while start < end and match.string[start] in ' \t\n\r=:"':
        start += 1
    while start < end and match.string[end - 1] in ' \t\n\r"':
        end -= 1
    return start, end


def is_key(detector: Detector, text: str, start: int, end: int) -> bool:
    """True for what looks real and is no part of a longer word, such as a protein or an encoded picture."""
    apart = not _WORDLIKE.match(text[start - 1 : start]) and not _WORDLIKE.match(text[end : end + 1])
    return apart and bool(detector.real(text[start:end]))


@cache
def patterns_of(plugin: str) -> tuple[re.Pattern[str], ...]:
    """Return the patterns of a plugin. The first call imports detect-secrets (a third of a second)."""
    module, _, name = plugin.partition(".")
    with untimed():
        return tuple(getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)().denylist)
