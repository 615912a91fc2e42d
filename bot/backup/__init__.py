"""Backups: everything the database holds, in one file that any version from then on reads, into either database."""
