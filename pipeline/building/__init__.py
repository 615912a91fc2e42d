"""The steps of a nightly build as workers do them: one module a step, and what they share."""
