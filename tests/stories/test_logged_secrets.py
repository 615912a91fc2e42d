"""Secrets stay out of every log line, whatever goes wrong while they are used."""

from __future__ import annotations

import logging

import pytest
import structlog

from bot.comments import check_report
from bot.logs import configure_logs
from bot.rule_workers import RuleWorkers
from tests.world import World
from tests.world.world import SECRET


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_no_log_line_holds_a_secret(
    database_url: str,
    rule_workers: RuleWorkers,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    log_format: str,
) -> None:
    before = structlog.get_config()
    configure_logs(log_format, logging.DEBUG)
    configure_logs(log_format, logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    try:
        async with World(database_url, rule_workers) as world:
            key = world.github.private_key_pem.splitlines()[3]
            world.github.fail_next("POST", r"/access_tokens$", status=401, body="{}")
            world.github.fail_next("GET", r"/pulls/1$", status=502)
            world.github.drop_next_response("POST", r"/graphql$")
            pr = await world.ana.opens_pr()
            await world.while_time_passes(minutes=10)
            with monkeypatch.context() as broken:
                broken.setattr(check_report, "_summary", _breaks)
                await world.github.edit_pull(pr.pull, title="Another")
                await world.github.rerequest_check_suite(world.repo, pr.pull.head_sha)
                await world.while_time_passes(minutes=10)
            await world.sweeps()
            pr.has_been_read()
            tokens = list(world.github.gate._tokens)
            signatures = {d.headers["X-Hub-Signature-256"] for d in world.github.deliveries}
        told = "".join(capfd.readouterr()) + caplog.text
    finally:
        structlog.configure(**before)

    assert "triage.done" in told
    assert "Traceback" in told, "something did go wrong"
    assert len(tokens) >= 1
    for secret in (SECRET, key, "BEGIN RSA", "Bearer ey", "token ghs_", *tokens, *signatures):
        assert secret not in told


def _breaks(*_args: object) -> str:
    raise KeyError("unforeseen")
