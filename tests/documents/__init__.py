"""A real git server over TLS for the tests that fetch documents."""
