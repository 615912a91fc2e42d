"""What the bot counts and times, one module for each area; `bot.metrics.book` holds what they declare."""
