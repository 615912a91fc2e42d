"""All wording of the bot: what people read on a pull request, and the one escaper for what they wrote."""
