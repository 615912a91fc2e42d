"""The bot as it is served, with deliveries stored and left waiting: what the webhook benchmark loads."""

from __future__ import annotations

import os
import sys

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.app import make_app
from bot.cli import SWITCH_INTERVAL_S
from bot.settings import read_settings


def main(database_url: str) -> None:
    """Serve on $PORT until told to stop."""
    settings = read_settings(
        app_id=1,
        private_key=_any_key(),
        webhook_secrets=os.environ["WEBHOOK_SECRET"],
        repositories=os.environ["BENCH_REPOSITORY_ID"],
        database_url=database_url,
        rule_workers=1,
    )
    app = make_app(settings, handles=False)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None)


def _any_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


if __name__ == "__main__":
    main(sys.argv[1])
