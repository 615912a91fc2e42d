"""Where the demo's document lies: a git server on loopback, by https, trusted by the demo's bot alone."""

from __future__ import annotations

import asyncio
import datetime
import os
import shutil
import ssl
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_NAME = "localhost"
_PATH = "ben/varholm-sources.git"


class DocumentHostError(Exception):
    """The document cannot be served; the text says why."""


class DocumentHost:
    """Serves one repository of documents. `ca_file` is whom to trust for it, `commit` what was committed."""

    def __init__(self, folder: Path) -> None:
        self.ca_file = folder / "authority.pem"
        self.commit = ""
        self.name = ""
        self._folder = folder
        self._root = folder / "repositories"
        self._git = shutil.which("git") or ""
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The address of the repository, as people write it into a leaf."""
        return f"https://{self.name}/{_PATH}"

    async def start(self, documents: dict[str, str]) -> None:
        """Commit the documents and listen. Raises DocumentHostError."""
        if not self._git:
            raise DocumentHostError("git is not installed: the bot fetches documents with it.")
        await self._commit(documents)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        context = _certified(self._folder, self.ca_file)
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        self.name = f"{_NAME}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _commit(self, documents: dict[str, str]) -> None:
        place = self._root / _PATH
        place.mkdir(parents=True)
        await self._run_git(place, "init", "--quiet")
        for name, text in documents.items():
            (place / name).write_text(text, encoding="utf-8")
        await self._run_git(place, "add", "--all")
        await self._run_git(place, "commit", "--quiet", "--message", "What is known of Varholm")
        await self._run_git(place, "config", "uploadpack.allowFilter", "true")
        self.commit = (await self._run_git(place, "rev-parse", "HEAD")).decode().strip()

    async def _run_git(self, place: Path, *arguments: str) -> bytes:
        environment = _plain_git() | {
            f"GIT_{who}_{what}": said
            for who in ("AUTHOR", "COMMITTER")
            for what, said in (("NAME", "Ben"), ("EMAIL", "ben@example.org"))
        }
        program = await asyncio.create_subprocess_exec(
            self._git,
            *arguments,
            cwd=place,
            env=environment | {"HOME": str(self._folder)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, trouble = await program.communicate()
        if program.returncode:
            raise DocumentHostError(f"git {arguments[0]}: {trouble.decode(errors='replace').strip()}")
        return out

    async def _answer(self, request: web.Request) -> web.Response:
        """Answer as git itself does."""
        environment = _plain_git() | {
            "GIT_PROJECT_ROOT": str(self._root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        program = await asyncio.create_subprocess_exec(
            self._git,
            "http-backend",
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await program.communicate(await request.read())
        head, _, body = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        return web.Response(status=status, headers=headers, body=body)


def _plain_git() -> dict[str, str]:
    """Return an environment with none of this machine's settings for git."""
    return {"PATH": os.environ.get("PATH", ""), "GIT_CONFIG_NOSYSTEM": "1"}


def _certified(folder: Path, ca_file: Path) -> ssl.SSLContext:
    """Make an authority for a day, write it down for those who shall trust it, and certify the host."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "The demo's own authority")])
    now = datetime.datetime.now(datetime.UTC)

    def begun(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    trusted = (
        begun(authority, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    certificate = (
        begun(named, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    ca_file.write_bytes(trusted.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = folder / "host.pem"
    chain.touch(mode=0o600)
    chain.write_bytes(certificate.public_bytes(pem) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context
