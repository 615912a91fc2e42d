"""Hidden markers are believed only when we signed them, for this very pull request."""

from __future__ import annotations

from pydantic import SecretStr

from bot.comments.markers import Marker, MarkerSigner
from bot.workflow import Turn

SHA = "a" * 40
MARKER = Marker(Turn.AUTHOR, SHA)


def signer(*secrets: str) -> MarkerSigner:
    return MarkerSigner([SecretStr(secret) for secret in secrets])


def test_our_own_marker_is_read_back() -> None:
    "What was signed here comes back, also when text follows."
    ours = signer("one secret")
    assert ours.read(ours.sign(MARKER, 1, 7) + "\n### text", 1, 7) == MARKER


def test_a_marker_copied_to_another_pull_request_is_not_believed() -> None:
    "A user who copies our comment elsewhere gains nothing."
    ours = signer("one secret")
    assert ours.read(ours.sign(MARKER, 1, 7), 1, 8) is None
    assert ours.read(ours.sign(MARKER, 1, 7), 2, 7) is None


def test_a_forged_or_changed_marker_is_not_believed() -> None:
    "Neither a made-up signature nor another turn under a real one counts."
    ours = signer("one secret")
    real = ours.sign(MARKER, 1, 7)
    assert ours.read(real.replace("author", "triager"), 1, 7) is None
    assert ours.read(signer("a guess").sign(MARKER, 1, 7), 1, 7) is None
    assert ours.read("quoted: " + real, 1, 7) is None


def test_markers_survive_the_rotation_of_the_secret() -> None:
    "While both secrets are listed, comments signed with the old one are still ours."
    old = signer("old secret").sign(MARKER, 1, 7)
    assert signer("new secret", "old secret").read(old, 1, 7) == MARKER
