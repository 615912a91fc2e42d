"""Rule: text that a machine seems to have written is shown to triagers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from checks.contribution import ATTRIBUTION_FILE, Contribution, text_of
from checks.findings import Cause, Finding, Severity
from checks.machine_words import MachineSign, Sign, machine_signs, provenance_in
from checks.policy import Policy
from checks.readable import is_binary, is_too_large, mapping_leaves
from checks.registry import rule

_WHY = (
    "Most makers of models forbid to train others on what theirs have written, and a model that learns from a "
    "model learns its mistakes. Only a person can say where a text comes from."
)
_ASK = "Ask the author where the text comes from. If a proprietary model wrote it: `/topic proprietary`."

WRITTEN = Cause("machine-written/text", "A machine may have written this", _WHY, _ASK, kept_back=True)
NAMED = Cause("machine-written/model-named", "A proprietary model is named", _WHY, _ASK, kept_back=True)

_SAID = {
    Sign.ONESELF: (WRITTEN, "It speaks of itself as a language model."),
    Sign.POLISH: (WRITTEN, "Several answers hold set phrases of chatbots."),
    Sign.NAME: (NAMED, "It names a proprietary model."),
    Sign.PROVENANCE: (NAMED, "It says that a model made it."),
}


@rule(
    "machine-written",
    title="Text that a machine may have written is seen by a triager",
    why=_WHY,
    causes=(WRITTEN, NAMED),
    order=95,
    since=date(2026, 11, 21),
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Tell triagers of each kind of sign once a file, with the words of our list that were found."""
    for leaf in mapping_leaves(contribution, policy):
        for sign in machine_signs(leaf):
            yield _finding(sign, leaf.path)
    for file in contribution.files:
        readable = file.in_taxonomy and not is_too_large(file, policy) and not is_binary(file)
        if file.name == ATTRIBUTION_FILE and readable and (text := text_of(file)):
            for sign in list(provenance_in(text))[:1]:
                yield _finding(sign, file.path)


def _finding(sign: MachineSign, path: str) -> Finding:
    cause, said = _SAID[sign.sign]
    return Finding(cause, Severity.NOTICE, said, path, sign.line, 1)
