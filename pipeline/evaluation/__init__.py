"""Evaluation: what a contribution changed in what the student can do, with the uncertainty of every number."""
