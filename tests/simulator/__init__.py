"""Tests of the simulated GitHub itself."""
