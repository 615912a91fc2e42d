"""The page on privacy: what is stored of people, for how long, who else gets to see it, and forgetting somebody."""

from __future__ import annotations

from bot.store.holdings import holdings_table

_HEAD = """# Privacy

<!-- Made by `make docs` from the code; do not edit by hand. -->

## Who gets to see contributors' texts

| who | what | when |
|---|---|---|
| GitHub | what the bot says in comments, issues and check runs | always |
| the model servers that a worker is given | examples, contexts, passages of documents | in jobs, in builds |
| the hosts of linked documents | the request for the file, no more | when a contribution is checked |
| the address in `NIGHTLY_WEBHOOK_URL` | logins of authors, paths of leaves, scores | in nightly reports |

Nobody else. The model servers are those that the workers' settings name: teacher, critic (who
also judges) and student (`TAXONOMY_PIPELINE_TEACHER_URL`, `..._CRITIC_URL`, `..._STUDENT_URL`). A job of a pull
request reaches them only after a triager has let its commit
through. A server of your own keeps texts in your house. One on the internet gets them under its own terms: choose
it as you would any other processor of personal data, and say so in your contribution guide.

Workers get no e-mail address and no GitHub credential. E-mail addresses of commits are compared for the sign-off
and not stored. What the rule against personal data finds is never repeated: a comment or an annotation names the
place, not the text.

## What is stored, and how long

The columns under "people" name somebody, or may. What is kept for ever is how a model is traced to its data, and a
merge to those who wanted it: forgetting somebody takes the name out, not the act.

"""

_TAIL = """
## Forgetting somebody

`taxonomy-bot forget LOGIN` shows how many rows of each table name the account (also under earlier logins), and
asks. Then `forgotten-N` stands in the place of its login, and a negative number in the place of its id,
everywhere, in one transaction.

- The audit keeps the act, the role and the commit, and loses the name. Approvals of two forgotten people stay two.
- Logs and files of jobs on the account's pull requests go; `taxonomy-bot artifacts gc` deletes the files
  themselves. Reminders go. Webhooks that were given up and name it keep only that they came.
- The audit says that somebody was forgotten, when and by which operator, not who.
- Beyond our reach: what GitHub shows (comments, commits, sign-offs), contributions that were merged under their
  licence, models trained on them, logs and back-ups of the machine. Delete on GitHub first what should not be
  there: what GitHub tells us anew, as long as a pull request is open, is stored anew.
"""


def page() -> str:
    """Return the page."""
    return _HEAD + holdings_table() + _TAIL
