"""The probes. A new one is a module here, and nothing else."""
