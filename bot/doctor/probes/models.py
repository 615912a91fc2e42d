"""The servers of models that the bot asks for people who try models on its pages."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr

from bot.doctor.findings import Line, attention, broken, fine
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.model_servers import ModelServer, ModelServerError


@probe(
    "models",
    "Model servers",
    order=90,
    needs=("student_url", "build_url"),
    remedy="Are they running, and can this machine reach them?",
)
async def models(patient: Patient) -> Sequence[Line]:
    """Each that is set answers, and has the model that is named."""
    held = patient.settings
    found = []
    if held.student_url:
        found.append(await _of(patient, "STUDENT", held.student_url, held.student_api_key, held.student_name))
    if held.build_url:
        found.append(await _of(patient, "BUILD", held.build_url, held.build_api_key, ""))
    if not found:
        found.append(fine("The bot asks none: STUDENT_URL and BUILD_URL are not set."))
    return [*found, fine("Teacher and judge are the workers': `taxonomy-pipeline doctor` examines them there.")]


async def _of(patient: Patient, which: str, url: str, key: SecretStr, name: str) -> Line:
    server = ModelServer(patient.http, url, key, f"The server of TAXONOMY_BOT_{which}_URL")
    try:
        known = await server.models()
    except ModelServerError as error:
        return broken(str(error), f"Is it running, and are TAXONOMY_BOT_{which}_URL and _API_KEY right?")
    if name and name not in known:
        listed = ", ".join(sorted(known)[:5]) or "none"
        return broken(
            f"The server of TAXONOMY_BOT_{which}_URL has no model {name}.",
            f"It has: {listed}. Name one of them in TAXONOMY_BOT_{which}_NAME.",
        )
    if not known:
        return attention(f"The server of TAXONOMY_BOT_{which}_URL has no model.", "Have it load one.")
    return fine(f"The server of TAXONOMY_BOT_{which}_URL answers; it has {len(known)} model(s).")
