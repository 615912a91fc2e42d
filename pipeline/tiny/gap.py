"""The gap in a sentence, as the offline teacher writes it and the tiny student reads it."""

GAP = "____"
