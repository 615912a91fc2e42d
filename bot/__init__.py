"""The GitHub App: webhooks in, verdicts, comments and labels out."""
