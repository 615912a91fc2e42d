"""Training: chat samples and a student in, an adapter or a model out. Only these modules and theirs load torch."""
