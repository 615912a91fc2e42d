"""Hidden markers are believed only when we signed them, for this very pull request."""

from __future__ import annotations

from pydantic import SecretStr

from bot.comments.markers import Marker, MarkerSigner
from bot.labels import FLAG_LABELS, Label
from bot.workflow import State, Turn
from tests.bot.situations import a_status

SHA = "a" * 40
MARKER = Marker(Turn.AUTHOR, SHA, a_status(State.CHANGES_REQUESTED, Label.HOLD, Label.STALE), "0123456789abcdef")


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
    "Neither a made-up signature nor another turn, state, flag or content under a real one counts."
    ours = signer("one secret")
    real = ours.sign(MARKER, 1, 7)
    assert ours.read(real.replace("author", "triager"), 1, 7) is None
    assert ours.read(real.replace("changes-requested", "approved"), 1, 7) is None
    assert ours.read(real.replace("hold+stale", "ready-to-merge"), 1, 7) is None
    assert ours.read(real.replace("0123456789abcdef", "fedcba9876543210"), 1, 7) is None
    assert ours.read(signer("a guess").sign(MARKER, 1, 7), 1, 7) is None
    assert ours.read("quoted: " + real, 1, 7) is None


def test_markers_survive_the_rotation_of_the_secret() -> None:
    "While both secrets are listed, comments signed with the old one are still ours."
    old = signer("old secret").sign(MARKER, 1, 7)
    assert signer("new secret", "old secret").read(old, 1, 7) == MARKER


def test_every_status_fits_into_a_marker() -> None:
    "No state and no number of flags makes a marker that we cannot read again."
    ours = signer("one secret")
    for state in State:
        marker = Marker(Turn.TRIAGER, SHA, a_status(state, *FLAG_LABELS))
        assert ours.read(ours.sign(marker, 1, 7), 1, 7) == marker


def test_words_of_another_version_are_not_believed() -> None:
    "A state that we do not know is no state, even if the signature were right."
    ours = signer("one secret")
    assert ours.read(ours.sign(MARKER, 1, 7).replace("changes-requested", "enlightened"), 1, 7) is None
