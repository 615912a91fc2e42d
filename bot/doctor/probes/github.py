"""Whether GitHub can be reached and how quickly, what its clock says, and whether it knows our App."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from bot.doctor.findings import Line, attention, broken, fine
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.github.client import REQUESTER
from bot.github.tokens import AccessToken, AppTokens

_SLOW_S = 2.0
_SKEW_S, _MOST_SKEW_S = 10.0, 60.0  # GitHub takes tokens whose time is a minute off


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    date: str
    took_s: float
    at: datetime


async def _no_token(_installation: int, _jwt: str) -> AccessToken:
    raise NotImplementedError  # nobody asks for one


@probe(
    "github",
    "GitHub",
    order=20,
    remedy="Check this machine's network, its proxy, and TAXONOMY_BOT_GITHUB_API_URL.",
)
async def github(patient: Patient) -> Sequence[Line]:
    """One request, signed as the App where that can be, tells all of this."""
    is_known = not {"app_id", "private_key"} & patient.problems.keys()
    try:
        answer = await _asked(patient, is_signed=is_known)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        address = patient.settings.github_api_url
        said = f"{address} cannot be reached ({type(error).__name__})."
        return [broken(said, "Check this machine's network, its proxy, and TAXONOMY_BOT_GITHUB_API_URL.")]
    return [_reach(patient, answer), _clock(answer), *([_identity(patient, answer)] if is_known else [])]


async def _asked(patient: Patient, *, is_signed: bool) -> _Answer:
    held = patient.settings
    headers = {"User-Agent": REQUESTER, "Accept": "application/vnd.github+json"}
    if is_signed:
        tokens = AppTokens(held.app_id, held.private_key, patient.clock, _no_token)
        headers["Authorization"] = f"Bearer {tokens.app_jwt()}"
    began = time.monotonic()
    url = f"{held.github_api_url.rstrip('/')}/app"
    async with patient.http.get(url, headers=headers, allow_redirects=False) as answer:
        took_s = time.monotonic() - began
        return _Answer(answer.status, answer.headers.get("Date", ""), took_s, patient.clock.now())


def _reach(patient: Patient, answer: _Answer) -> Line:
    said = f"{patient.settings.github_api_url} answers in {1000 * answer.took_s:.0f} ms."
    if answer.took_s > _SLOW_S:
        return attention(
            said, "That is slow: verdicts take several calls. Look at this machine's network and load."
        )
    return fine(said)


def _clock(answer: _Answer) -> Line:
    try:
        skew_s = (answer.at - parsedate_to_datetime(answer.date)).total_seconds()
    except (TypeError, ValueError):
        return attention("What answers tells no time.", "Is TAXONOMY_BOT_GITHUB_API_URL a GitHub's API?")
    way = "ahead of" if skew_s > 0 else "behind"
    said = f"This machine's clock is {abs(skew_s):.0f} s {way} GitHub's."
    remedy = "Set the clock, and let it be kept: `timedatectl set-ntp true`."
    if abs(skew_s) > _MOST_SKEW_S:
        return broken(f"{said} GitHub refuses tokens that are more than a minute off.", remedy)
    return attention(said, remedy) if abs(skew_s) > _SKEW_S else fine("This machine's clock agrees with GitHub's.")


def _identity(patient: Patient, answer: _Answer) -> Line:
    held = patient.settings
    if answer.status == HTTPStatus.OK:
        return fine(f"GitHub knows us as App {held.app_id}.")
    page = f"{held.github_web_url.rstrip('/')}/settings/apps"
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        return broken(
            f"GitHub does not take our key for App {held.app_id} ({answer.status}).",
            "TAXONOMY_BOT_APP_ID and TAXONOMY_BOT_PRIVATE_KEY have to be of one App: compare the id on its page "
            f"({page}, or under your organisation's Developer settings), generate a new private key there, and set "
            "the clock if it is off.",
        )
    return broken(
        f"GitHub answered {answer.status} when we said who we are.",
        "Is TAXONOMY_BOT_GITHUB_API_URL a GitHub's API, and is GitHub well (https://www.githubstatus.com)?",
    )
