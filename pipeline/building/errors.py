"""What can be wrong with a step of a build besides what can be wrong with any job."""

from __future__ import annotations


class OtherStudentError(Exception):
    """This worker has another student than the one that the build began with; the text is for an operator."""


class NothingToTrainError(Exception):
    """There is nothing that a build could learn: the text says why."""
