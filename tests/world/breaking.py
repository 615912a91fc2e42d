"""Adds the rule that breaks down to this process; a worker process calls it when it starts."""

from __future__ import annotations

from pathlib import Path


def add_the_breaking_rule() -> None:
    "Have the rule found among the others."
    import checks.rules
    from checks.registry import all_rules

    folder = str(Path(__file__).parent / "breaking_rules")
    if folder not in checks.rules.__path__:
        checks.rules.__path__.append(folder)
        all_rules.cache_clear()


def remove_the_breaking_rule() -> None:
    "Have it forgotten again."
    import checks.rules
    from checks.registry import all_rules

    checks.rules.__path__.remove(str(Path(__file__).parent / "breaking_rules"))
    all_rules.cache_clear()
