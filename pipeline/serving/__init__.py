"""Serving the student: base model and adapters in one load, asked over HTTP, by evaluations, and in a chat."""
