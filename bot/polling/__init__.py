"""Asking GitHub what has happened, for sites that GitHub cannot tell it: found, it is told as webhooks would."""
