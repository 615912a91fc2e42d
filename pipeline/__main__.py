"""`python -m pipeline` is `taxonomy-pipeline`; `accelerate launch -m pipeline` starts it on many GPUs."""

from pipeline.cli import main

main()
