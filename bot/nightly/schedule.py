"""When the nightly build is due: a cron expression of five fields, read in UTC.

UTC has no summer time, so no night is ever skipped or comes twice.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from cronsim import CronSim, CronSimError

_FIELDS = 5


class ScheduleError(ValueError):
    """The text is no cron expression, or one that never comes true."""


class Schedule:
    """The moments at which a build is due."""

    def __init__(self, expression: str) -> None:
        """Raises ScheduleError, which says what is wrong."""
        fields = expression.split()
        if len(fields) != _FIELDS:
            raise ScheduleError(
                f"has {len(fields)} of five fields: minute, hour, day of month, month, weekday, such as '0 2 * * *'"
            )
        self._expression = " ".join(fields)
        try:
            self._cron = CronSim(self._expression, datetime(2026, 1, 1, tzinfo=UTC))
            next(self._cron)
        except (CronSimError, StopIteration) as error:
            because = str(error) or "no day fits it"
            raise ScheduleError(f"is no cron expression that comes true: {because}. Try '0 2 * * *'") from None

    def __str__(self) -> str:
        return self._expression

    def next_after(self, moment: datetime) -> datetime:
        """Return the first due moment after this one, in UTC."""
        return next(CronSim(self._expression, moment.astimezone(UTC)))

    def latest_until(self, moment: datetime) -> datetime:
        """Return the last due moment up to this one, in UTC."""
        moment = moment.astimezone(UTC)
        whole = moment.replace(second=0, microsecond=0)
        before = next(CronSim(self._expression, whole, reverse=True))
        following = self.next_after(before)
        return following if following <= moment else before

    @property
    def first_of_a_day(self) -> time:
        """The earliest time of a day at which a build may be due, in UTC."""
        return time(min(self._cron.hours), min(self._cron.minutes))


def night_of(due: datetime) -> date:
    """Return the date that a build is known by: the day in UTC on which it was due, however long it takes."""
    return due.astimezone(UTC).date()
