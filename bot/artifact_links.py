"""Signed links to artifacts and logs: whoever holds one may download that one file, for some days."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import SecretStr

_MOMENT = re.compile(r"[1-9][0-9]{0,11}")
_DAY_S = 24 * 3600
LOG_NAME, CHART_NAME, TREND_NAME = "log.txt", "chart.svg", "trend.svg"


class LinkError(Exception):
    """A link that opens nothing.

    LinkError
    ├── ForgedLinkError    not signed by us for this file: cut off while it was copied, or made up
    └── ExpiredLinkError   ours, but too old
    """


class ForgedLinkError(LinkError):
    """The link was not signed by us for this file."""


class ExpiredLinkError(LinkError):
    """The link was ours, and its time is over."""


class ArtifactLinks:
    """Signs links with the newest secret and accepts those of every secret still listed."""

    def __init__(self, secrets: Sequence[SecretStr], public_url: str, lasts_s: int) -> None:
        self._keys = [
            hashlib.sha256(b"taxonomy-bot artifact link\0" + secret.get_secret_value().encode()).digest()
            for secret in secrets
        ]
        self._public_url = public_url
        self._lasts_s = lasts_s

    def link(self, sha256: str, name: str, now: datetime) -> str:
        """Return a link that lasts at least as long as is set; empty when nobody knows where people reach us.

        `name` is a plain one (`pipeline.artifacts.plain_name`). The end is rounded up, by at most a seventh of that
        time and a day: a text that is written anew soon holds the same link, and no comment is edited only for it.
        """
        return self._link(f"artifacts/{sha256}", sha256, name, now)

    def log_link(self, job_id: int, now: datetime) -> str:
        """Return a link to the log of a job, as `link` does."""
        thing = log_of(job_id)
        return self._link(f"logs/{job_id}", thing, LOG_NAME, now)

    def chart_link(self, job_id: int) -> str:
        """Return a link to the chart of an evaluation, for as long as the job is known: comments keep showing it.

        Empty when nobody knows where people reach us.
        """
        if not self._public_url:
            return ""
        return f"{self._public_url}/charts/{job_id}/{CHART_NAME}?signature={self._of_chart(self._keys[0], job_id)}"

    def check_chart(self, job_id: int, signature: str) -> None:
        """Return if the link to a chart is ours. Raises ForgedLinkError."""
        fitting = [
            hmac.compare_digest(self._of_chart(key, job_id).encode(), signature.encode(errors="replace"))
            for key in self._keys
        ]
        if not any(fitting):
            raise ForgedLinkError

    def trend_link(self, build_id: int, attempt: int) -> str:
        """Return a link to the chart of the builds up to one, as `chart_link` does."""
        if not self._public_url:
            return ""
        signature = self._of_trend(self._keys[0], build_id, attempt)
        return f"{self._public_url}/charts/builds/{build_id}.{attempt}/{TREND_NAME}?signature={signature}"

    def check_trend(self, build_id: int, attempt: int, signature: str) -> None:
        """Return if the link to such a chart is ours. Raises ForgedLinkError."""
        fitting = [
            hmac.compare_digest(self._of_trend(key, build_id, attempt).encode(), signature.encode(errors="replace"))
            for key in self._keys
        ]
        if not any(fitting):
            raise ForgedLinkError

    @staticmethod
    def _of_trend(key: bytes, build_id: int, attempt: int) -> str:
        return _signature(key, f"trend-of-build-{build_id}.{attempt}", TREND_NAME, "")

    @staticmethod
    def _of_chart(key: bytes, job_id: int) -> str:
        return _signature(key, f"chart-of-job-{job_id}", CHART_NAME, "")

    def last_until(self, now: datetime) -> datetime:
        """Return until when the links work that are given now."""
        step_s = max(1, min(_DAY_S, self._lasts_s // 7))
        return datetime.fromtimestamp(math.ceil((now.timestamp() + self._lasts_s) / step_s) * step_s, UTC)

    def _link(self, place: str, thing: str, name: str, now: datetime) -> str:
        if not self._public_url:
            return ""
        expires = str(int(self.last_until(now).timestamp()))
        signature = _signature(self._keys[0], thing, name, expires)
        return f"{self._public_url}/{place}/{name}?expires={expires}&signature={signature}"

    def check(self, sha256: str, name: str, expires: str, signature: str, now: datetime) -> None:
        """Return if the link may be followed. Raises ForgedLinkError, or ExpiredLinkError for one that was ours.

        For a log, `log_of` its job stands in for the hash.
        """
        # every key is tried, so that the time it takes tells nothing
        fitting = [
            hmac.compare_digest(_signature(key, sha256, name, expires).encode(), signature.encode(errors="replace"))
            for key in self._keys
        ]
        if not any(fitting) or not _MOMENT.fullmatch(expires):
            raise ForgedLinkError
        if now >= datetime.fromtimestamp(int(expires), UTC):
            raise ExpiredLinkError


def log_of(job_id: int) -> str:
    """Return what is signed in place of a hash for the log of a job; no hash looks like it."""
    return f"log-of-job-{job_id}"


def _signature(key: bytes, sha256: str, name: str, expires: str) -> str:
    signed = "\0".join((sha256, name, expires)).encode(errors="replace")
    return hmac.new(key, signed, hashlib.sha256).hexdigest()
