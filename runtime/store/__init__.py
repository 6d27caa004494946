"""The database that sessions are kept in: its schema, how it is opened, and what can go wrong with it."""
