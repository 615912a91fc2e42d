"""The offline teacher: rules that stand in for a large model, so that demo and tests run the real path."""

NAME = "offline teacher: rule-based"
"""What people read wherever it has spoken: nobody shall take its words for a model's."""

MODEL_ID = "offline-teacher"
