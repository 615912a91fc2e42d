"""The first run: a program of its own on loopback that makes the App with its operator, and then is gone."""
