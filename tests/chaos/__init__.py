"""Chaos: a served bot, a real Redis and real workers, hurt at random moments; every job ends once all the same.

`python -m tests.chaos` runs it (`make chaos`). It takes minutes, so the ordinary tests do not collect it.
"""
