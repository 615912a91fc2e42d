"""GitHub over HTTP: App authentication, caching, pacing and retries; typed reads and writes."""
