"""Known weaknesses in what is installed: `python -m tests.dependency_audit`, a part of `make lint`.

Where the database of weaknesses cannot be reached in time, this says so and lets everything else go on.
"""

from __future__ import annotations

import json
import subprocess
import sys

_WITHIN_S = 60
_ANSWER_WITHIN_S = 5
_COMMAND = ("-m", "pip_audit", "--format", "json", "--skip-editable", "--progress-spinner", "off")


def weaknesses() -> list[str] | None:
    "Return a line for each known weakness; None where the database was not reached."
    command = [sys.executable, *_COMMAND, "--timeout", str(_ANSWER_WITHIN_S)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN_S, check=False)
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):  # it writes no JSON when it could not ask
        return None
    if all("skip_reason" in package for package in found):  # something answered that knows no package
        return None
    return [
        f"{package['name']} {package['version']}: {known['id']}, mended in {' '.join(known['fix_versions']) or '?'}"
        for package in found
        for known in package.get("vulns", ())
    ]


def main() -> int:
    "Print what is known. Returns 1 when there is a weakness."
    found = weaknesses()
    if found is None:
        print("Dependency audit skipped: its database of weaknesses cannot be reached from here.")
        return 0
    print("\n".join(found) or "Dependency audit: no known weakness.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
