"""Whether the settings can be used."""

from __future__ import annotations

from collections.abc import Sequence

from bot.doctor.findings import Line, broken, fine
from bot.doctor.patient import Patient
from bot.doctor.registry import probe
from bot.settings import PREFIX


@probe("settings", "Settings", order=10, remedy="Start again; if it stays so, report it.")
async def settings(patient: Patient) -> Sequence[Line]:
    """Each setting that cannot be used is named, with where to find it."""
    found = []
    for name, said in patient.problems.items():
        problem, _, where = said.partition("\n")
        where = where.partition(":")[2].strip()
        remedy = f"Set it: {where}." if where else "docs/settings.md lists every setting with its meaning."
        if problem == "is missing":
            remedy += " `taxonomy-bot setup` makes an App and writes it for you."
        found.append(broken(f"{PREFIX}{name.upper()} {problem}.", remedy))
    if found:
        return found
    held = patient.settings
    served = ", ".join(str(number) for number in sorted(held.repositories))
    return [fine(f"App {held.app_id}, {len(held.webhook_secrets)} webhook secret(s), repositories {served}.")]
