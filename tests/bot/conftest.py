from __future__ import annotations

from pathlib import Path

import pytest

from bot.simulator.access import process_key_pair


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    "The environment of an operator who has set everything that must be set; the database is a new one."
    for name, value in {
        "APP_ID": "12",
        "PRIVATE_KEY": process_key_pair().private_pem,
        "WEBHOOK_SECRETS": "the operator's secret",
        "REPOSITORIES": "1001",
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'bot.sqlite'}",
    }.items():
        monkeypatch.setenv(f"TAXONOMY_BOT_{name}", value)
    return monkeypatch
