"""Every word the bot says, in the situations it says it in, held against files that people can read.

`python -m tests.words --write` renews the files; `tests/bot/test_words.py` fails where they differ.
"""
