"""The nightly build: when it is due, what it takes in, and what is remembered of it."""
