"""The user's own tools: Python files that were looked at, accepted and pinned by the hash of their source."""
