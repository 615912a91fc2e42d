"""How to sign off what is already committed: the way that works in the web editor first, git commands folded."""

from __future__ import annotations

from bot.comments.escape import block, code, escape
from checks.sign_off_advice import RemediationText, SignOffAdvice


def sign_off_recipe(advised: SignOffAdvice) -> str:
    """Return the recipe for all commits that fail, as Markdown."""
    parts = []
    if advised.remediation_texts:
        parts.append(
            "Do this last, after your other fixes. Nothing has to be redone, and all of it works in the browser: "
            "open `attribution.txt` (or any other text file of this pull request) with the pencil button, add an "
            "empty line at its end, choose **Commit changes**, and put these texts into the two boxes:"
        )
        parts += [_boxes(text, several=len(advised.remediation_texts) > 1) for text in advised.remediation_texts]
    elif advised.needs_new_author:
        parts.append("A commit was made without a usable e-mail address, so it has to be made again.")
    git = (
        "With git on your own computer instead:\n\n"
        + block("\n".join(advised.git_commands), "bash")
        + "\n\nThis rewrites your commits, so nothing else may have been pushed to the branch meanwhile."
    )
    if parts:
        git = f"<details>\n<summary>Or with git</summary>\n\n{git}\n\n</details>"
    return "\n\n".join((*parts, git, escape(advised.next_time)))


def _boxes(text: RemediationText, *, several: bool) -> str:
    whose = f"For the commits of {code(text.author_name)}:\n\n" if several else ""
    replace = (
        "\n\nPut your own e-mail address, the one of the commit, where it says so." if text.hides_email else ""
    )
    title, description = block(text.title), block(text.description)
    return f"{whose}Commit message:\n\n{title}\n\nExtended description:\n\n{description}{replace}"
