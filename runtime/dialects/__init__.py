"""Dialects: how a role's prompt is written and its output read. The formats are data files beside this one."""

from .dialect import Dialect, dialect_names, load_dialect

__all__ = ["Dialect", "dialect_names", "load_dialect"]
