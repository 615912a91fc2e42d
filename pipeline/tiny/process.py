"""The offline teacher as a process of its own: where its work shall not be counted as somebody else's."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.openai_protocol.process import ServerProcess, ServerProcessError, our_command
from pipeline.tiny import NAME

__all__ = ["OfflineTeacherProcess", "ServerProcessError"]

_STARTS_WITHIN_S = 30.0


class OfflineTeacherProcess(ServerProcess):
    """`async with OfflineTeacherProcess("--delay-ms", "200") as teacher: ... teacher.url`.

    It takes the options of `taxonomy-pipeline offline-teacher`, and ends with the process that started it.
    `program` is another command that does as that one does.
    """

    def __init__(self, *options: str, program: Sequence[str] = ()) -> None:
        command = tuple(program) or our_command("offline-teacher")
        super().__init__((*command, "--until-stdin-ends", *options), NAME, _STARTS_WITHIN_S)
