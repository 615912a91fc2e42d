"""What an operator sets for a git server in a network of their own, whose names know the server."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.documents.git_host import NAME


def knows_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    "Let the name of the git host be known on this machine."
    look_up = socket.getaddrinfo

    def known(name: Any, port: Any, *more: Any, **others: Any) -> Any:
        return look_up("127.0.0.1" if name == NAME else name, port, *more, **others)

    monkeypatch.setattr(socket, "getaddrinfo", known)
