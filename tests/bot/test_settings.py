"""The operator's settings: every mistake is named at once, with the way to put it right."""

from __future__ import annotations

import pytest

from bot.jobs import JobKind
from bot.settings import BotSettings, SettingsError, read_settings
from bot.simulator.access import process_key_pair
from checks.policy import read_policy

_GOOD = {
    "TAXONOMY_BOT_APP_ID": "12",
    "TAXONOMY_BOT_PRIVATE_KEY": process_key_pair().private_pem,
    "TAXONOMY_BOT_WEBHOOK_SECRETS": "new-secret, old-secret",
    "TAXONOMY_BOT_REPOSITORIES": "1001, 1002",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in _GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_are_read_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    "Lists are separated by commas; secrets mask themselves."
    settings = read_settings()
    assert settings.repositories == {1001, 1002}
    assert [s.get_secret_value() for s in settings.webhook_secrets] == ["new-secret", "old-secret"]
    assert "-secret" not in repr(settings)
    assert "BEGIN" not in repr(settings)


def test_without_a_webhook_secret_the_bot_refuses_to_start(environment: pytest.MonkeyPatch) -> None:
    "An unset secret never means unsigned deliveries; the message says where the secret comes from."
    for value in (None, "", "short"):
        if value is None:
            environment.delenv("TAXONOMY_BOT_WEBHOOK_SECRETS")
        else:
            environment.setenv("TAXONOMY_BOT_WEBHOOK_SECRETS", value)
        with pytest.raises(SettingsError, match=r"TAXONOMY_BOT_WEBHOOK_SECRETS") as refused:
            read_settings()
        assert "webhook settings" in str(refused.value)


def test_all_missing_settings_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    "Nobody has to start the bot four times to learn of four missing variables."
    for name in _GOOD:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    for name in _GOOD:
        assert name in str(refused.value)


def test_the_operator_caps_what_a_policy_may_ask_for(environment: pytest.MonkeyPatch) -> None:
    "A policy that asks for larger files than the operator allows gets the operator's limit."
    environment.setenv("TAXONOMY_BOT_MAX_FILE_BYTES", "1000")
    settings: BotSettings = read_settings()
    policy = settings.capped(read_policy("limits: {file_bytes: 50000, changed_files: 20}"))
    assert policy.limits.file_bytes == 1000
    assert policy.limits.changed_files == 20


@pytest.mark.parametrize("broken", ["MIIEowIBAAKCAQEA-the-secret-part", "-----BEGIN PRIVATE KEY-----\nnonsense"])
def test_a_broken_private_key_is_refused_at_start_and_never_printed(
    environment: pytest.MonkeyPatch, broken: str
) -> None:
    "The message says what a key looks like, and shows nothing of the one it got."
    environment.setenv("TAXONOMY_BOT_PRIVATE_KEY", broken)
    with pytest.raises(SettingsError, match="TAXONOMY_BOT_PRIVATE_KEY") as refused:
        read_settings()
    assert broken not in str(refused.value)
    assert "secret-part" not in str(refused.value)


def test_kinds_of_jobs_have_time_limits_of_their_own(environment: pytest.MonkeyPatch) -> None:
    "Where none is set, the one for all holds."
    environment.setenv("TAXONOMY_BOT_JOB_TIME_LIMITS_S", "precheck=900, evaluate = 28800")
    environment.setenv("TAXONOMY_BOT_JOB_TIME_LIMIT_S", "3600")
    limits = {kind: read_settings().time_limit_of(kind).total_seconds() for kind in JobKind}
    assert limits == dict.fromkeys(JobKind, 3600) | {"precheck": 900, "evaluate": 28800}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("prechek=900", "knows no kind of job 'prechek'; there are precheck, generate, evaluate, postcheck"),
        ("precheck", "valid number"),
        ("precheck=0", "greater than 0"),
        ("precheck=soon", "valid number"),
    ],
)
def test_a_time_limit_that_is_none_is_refused(environment: pytest.MonkeyPatch, given: str, problem: str) -> None:
    "A job without an end holds its GPU for ever."
    environment.setenv("TAXONOMY_BOT_JOB_TIME_LIMITS_S", given)
    with pytest.raises(SettingsError, match=problem):
        read_settings()
