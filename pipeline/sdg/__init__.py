"""Synthetic data generation: from a leaf to samples, and for every dropped one the reason."""
