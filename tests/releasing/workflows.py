"""`python -m tests.releasing.workflows`: what linters of workflows say, each where it can be had."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_WITHIN_S = 60


def found_by_zizmor() -> list[str]:
    """Return what the auditor of workflows complains about; nothing is asked of any server."""
    program = Path(sys.executable).with_name("zizmor")
    if not program.exists():
        print("zizmor is not installed: workflows are not audited here.")
        return []
    return _complaints([program, "--offline", "--no-progress", "--format", "plain", ".github"])


def found_by_actionlint() -> list[str]:
    """Return what the linter of workflows complains about."""
    program = shutil.which("actionlint")
    if program is None:
        print("actionlint is not on the path: expressions and scripts in workflows are not linted here.")
        return []
    return _complaints([program, *(str(file) for file in sorted((ROOT / ".github/workflows").glob("*.yml")))])


def _complaints(command: list[str | Path]) -> list[str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_WITHIN_S, check=False)
    return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()


def main() -> int:
    """Print what is found. Returns 1 when that is anything."""
    found = [*found_by_zizmor(), *found_by_actionlint()]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
