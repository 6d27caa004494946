"""What can be done: specifications, the catalogue, built-in tools and the process that runs them."""

from .context import ToolFailure
from .decorator import tool

__all__ = ["ToolFailure", "tool"]
