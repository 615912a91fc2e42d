"""The examination: all probes side by side, each within its time, and none lets another fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from bot.doctor.findings import Line, Section, attention, broken
from bot.doctor.patient import Patient
from bot.doctor.registry import Probe, all_probes
from bot.settings import PREFIX


async def examine(patient: Patient, probes: Sequence[Probe] | None = None) -> list[Section]:
    """Return what every probe finds, in their order."""
    chosen = all_probes() if probes is None else probes
    return list(await asyncio.gather(*(_examined(patient, each) for each in chosen)))


async def _examined(patient: Patient, probe: Probe) -> Section:
    began = time.monotonic()
    lines = await _lines(patient, probe)
    return Section(probe.name, probe.title, tuple(lines), time.monotonic() - began)


async def _lines(patient: Patient, probe: Probe) -> Sequence[Line]:
    if lacking := [name for name in probe.needs if name in patient.problems]:
        names = ", ".join(PREFIX + name.upper() for name in lacking)
        return [attention(f"Not examined: it needs {names}.", "See the settings above.")]
    try:
        async with asyncio.timeout(probe.within_s):
            return await probe.examine(patient)
    except TimeoutError:
        return [broken(f"It did not answer within {probe.within_s:g} s.", probe.remedy)]
    except Exception as error:  # whatever breaks here is a finding, and the others are told all the same
        return [broken(f"The examination broke down ({type(error).__name__}: {str(error)[:200]}).", probe.remedy)]
