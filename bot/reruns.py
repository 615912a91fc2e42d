"""The button beside a job's check run, "Re-run": `/retry` where its sender may, else a polite word why not."""

from __future__ import annotations

import structlog

from bot.actions import Reply
from bot.apply import Writer
from bot.clock import Clock
from bot.command_desk import CommandDesk, Handled
from bot.commands.parsing import WrittenCommand
from bot.commands.registry import all_commands
from bot.comments.job_report import gone_on, job_report
from bot.comments.markers import MarkerSigner
from bot.comments.notices import not_run_again
from bot.events import JobRerequested
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError, RefusedError
from bot.github.pulls import PullReader
from bot.jobs import JobQueue
from bot.orders import Order, no_bot

log = structlog.get_logger()


class Reruns:
    """Takes requests to run a job again."""

    def __init__(
        self, app: GitHubApp, commands: CommandDesk, jobs: JobQueue, signer: MarkerSigner, clock: Clock
    ) -> None:
        self._app = app
        self._commands = commands
        self._jobs = jobs
        self._signer = signer
        self._clock = clock

    async def pull_of(self, event: JobRerequested) -> int | None:
        """Return the number of the pull request that the job is of; None for a job that nobody here knows."""
        job = await self._jobs.find(event.job_id)
        if job is None or job.request.repository_id != event.origin.repository_id:
            log.info("rerun.unknown_job", job=event.job_id)
            return None
        return job.request.number

    async def take(self, event: JobRerequested, number: int) -> bool:
        """Queue the job anew, or say why not. Return whether it was queued. The caller holds the lock."""
        order = Order(
            event.origin,
            number,
            event.actor,
            WrittenCommand("retry", f"#{event.job_id}", 0),
            f"rerun:{event.request}"[:64],
            self._clock.now(),
        )
        if event.actor.is_bot:
            handled = Handled(order, refusal=no_bot(all_commands()["retry"]))
        else:
            handled = await self._commands.obey(order)
        client = self._app.installation(event.origin.installation_id)
        pull = await PullReader(client, event.origin.full_name).pull(number)
        writer = Writer(client, pull, self._clock)
        await self._show_where_it_was(event, writer)
        if not handled.refusal:
            return True
        # GitHub has set the suite back to "queued": showing the end again is what completes it
        await self._jobs.show_again(event.job_id)
        text = not_run_again(event.actor.login, event.job_id, handled.refusal)
        marker = self._signer.reply_marker(order.source, event.origin.repository_id, number)
        await writer.apply([Reply(text, marker)])
        return False

    async def _show_where_it_was(self, event: JobRerequested, writer: Writer) -> None:
        """Complete the check run anew at a commit that the job has left: nobody shows it there later."""
        job = await self._jobs.find(event.job_id)
        if job is None or job.request.head_sha == event.head_sha:
            return
        try:
            await writer.show_job(gone_on(job_report(job), event.head_sha), event.run_id)
        except (NotFoundError, RefusedError) as error:  # a commit that is gone shows nothing any more
            log.info("rerun.not_showable", job=event.job_id, error=str(error))
