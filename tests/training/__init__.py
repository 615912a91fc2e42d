"""What is trained, how, and what ends a training run."""
