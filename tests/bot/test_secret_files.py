"""Secrets as files: what systemd and containers offer, read by bot and workers alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.doctor.patient import settings_at_hand
from bot.settings import SettingsError, read_settings
from bot.simulator.access import process_key_pair
from checks.secret_files import secrets_folder
from pipeline.settings import read_pipeline_settings

_NAMES = ("APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRETS", "REPOSITORIES", "DATABASE_URL")


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in _NAMES:
        monkeypatch.delenv(f"TAXONOMY_BOT_{name}", raising=False)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("TAXONOMY_BOT_APP_ID", "12")
    monkeypatch.setenv("TAXONOMY_BOT_REPOSITORIES", "1001")
    (tmp_path / "TAXONOMY_BOT_PRIVATE_KEY").write_text(process_key_pair().private_pem)
    (tmp_path / "TAXONOMY_BOT_WEBHOOK_SECRETS").write_text("new-secret,old-secret\n")
    return tmp_path


def test_the_bot_reads_secrets_from_files(credentials: Path) -> None:
    "A file named like the variable stands in for it; the line's end that editors add does not count."
    (credentials / "taxonomy_bot_database_url").write_text("postgresql://bot:s3cret-word@db/bot\n")
    settings = read_settings()
    assert [s.get_secret_value() for s in settings.webhook_secrets] == ["new-secret", "old-secret"]
    assert settings.database_url.endswith("bot:s3cret-word@db/bot")
    assert "s3cret-word" not in repr(settings)


def test_a_variable_goes_before_its_file(credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "Who sets a variable by hand means it."
    monkeypatch.setenv("TAXONOMY_BOT_WEBHOOK_SECRETS", "from-a-variable")
    assert [s.get_secret_value() for s in read_settings().webhook_secrets] == ["from-a-variable"]


def test_a_secret_that_is_of_no_use_is_named_and_not_shown(credentials: Path) -> None:
    "A mistake in a file reads like one in a variable."
    (credentials / "TAXONOMY_BOT_WEBHOOK_SECRETS").write_text("short")
    with pytest.raises(SettingsError, match="TAXONOMY_BOT_WEBHOOK_SECRETS") as refused:
        read_settings()
    assert "'short'" not in str(refused.value)


def test_the_doctor_examines_what_the_bot_would_start_with(credentials: Path) -> None:
    "Secrets in files are not missing, and a file that is of no use is named all the same."
    (credentials / "TAXONOMY_BOT_DATABASE_URL").write_text("postgresql://bot:s3cret-word@db/bot\n")
    settings, problems = settings_at_hand()
    assert problems == {}
    assert settings == read_settings()
    (credentials / "TAXONOMY_BOT_WEBHOOK_SECRETS").write_text("short")
    settings, problems = settings_at_hand()
    assert set(problems) == {"webhook_secrets"}
    assert settings.database_url.endswith("bot:s3cret-word@db/bot")


def test_a_worker_reads_its_broker_from_a_file(credentials: Path) -> None:
    "Workers have no other way than the bot."
    (credentials / "TAXONOMY_PIPELINE_BROKER_URL").write_text("redis://:pass-word@redis:6379/0\n")
    settings = read_pipeline_settings()
    assert settings.broker_url.get_secret_value() == "redis://:pass-word@redis:6379/0"


def test_a_machine_without_such_a_folder_is_fine(tmp_path: Path) -> None:
    "Where nobody has put secrets into files, none are looked for."
    assert secrets_folder({}, tmp_path / "none") is None
    assert secrets_folder({"CREDENTIALS_DIRECTORY": str(tmp_path / "gone")}) is None
    assert secrets_folder({}, tmp_path) == tmp_path
