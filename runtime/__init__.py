"""The agent: events, engine, dialects, grammars, the loop, sessions and settings."""
