"""MCP servers: programs of other people whose tools are offered after the user accepted command and definitions."""
