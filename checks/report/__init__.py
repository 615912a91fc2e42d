"""How a verdict is shown to the person who runs `taxonomy-check`: in a terminal, as JSON, in a GitHub workflow."""
