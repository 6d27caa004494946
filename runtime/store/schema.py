"""The schema of the session database, one migration for each version of it."""

from __future__ import annotations

from sqlite_utils import Database, Migrations


def sessions_and_events(db: Database) -> None:
    """Sessions, their events in order, and a full-text index over instructions, tool contents and answers.

    `events.text` is computed from the stored event, so that nothing is stored twice.
    """
    db.executescript("""
        CREATE TABLE sessions (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            workspace TEXT NOT NULL,
            trio TEXT NOT NULL,
            created TEXT NOT NULL,
            updated TEXT NOT NULL
        );
        CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session TEXT NOT NULL REFERENCES sessions(id),
            type TEXT NOT NULL,
            data TEXT NOT NULL,
            text TEXT GENERATED ALWAYS AS (
                CASE type
                    WHEN 'turn_started' THEN json_extract(data, '$.instruction')
                    WHEN 'observed' THEN json_extract(data, '$.content')
                    WHEN 'turn_finished' THEN json_extract(data, '$.answer')
                END
            ) VIRTUAL
        );
        CREATE INDEX events_of_session ON events (session, type);
    """)
    db["events"].enable_fts(["text"], create_triggers=True, tokenize="unicode61 remove_diacritics 2")


_VERSIONS = (sessions_and_events,)

MIGRATIONS = Migrations("alpha_umi")
for _version in _VERSIONS:
    MIGRATIONS()(_version)


def is_newer(db: Database) -> bool:
    """Whether a newer umi has changed the database in ways that this one does not know."""
    return not {migration.name for migration in MIGRATIONS.applied(db)} <= {version.__name__ for version in _VERSIONS}
