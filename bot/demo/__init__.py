"""The whole story on one machine: a simulated GitHub, the real bot, people who contribute."""

from bot.demo.story import play

__all__ = ["play"]
