"""Holds the simulated GitHub, and the bot's requests to it, against what GitHub itself publishes."""
