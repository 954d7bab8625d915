"""Tables whose rows stay: the database itself refuses to change or remove what was written."""

from sqlalchemy import DDL, Table, event

# RAISE(ABORT) is a broken rule to SQLite, as 23000 is to PostgreSQL: both reach callers as Conflict.
# The third: `INSERT OR REPLACE` removes a row without asking the triggers for DELETE.
_SQLITE = (
    "CREATE TRIGGER {name}_no_update BEFORE UPDATE ON {name} "
    "BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END",
    "CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name} "
    "BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END",
    "CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name} "
    "WHEN EXISTS (SELECT 1 FROM {name} WHERE seq = NEW.seq) "
    "BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END",
)
_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION {name}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "RAISE EXCEPTION '{name} is append-only' USING ERRCODE = '23000'; END $$",
    "CREATE TRIGGER {name}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
    "FOR EACH STATEMENT EXECUTE FUNCTION {name}_append_only()",
)


def append_only(table: Table) -> None:
    """Have the table made with triggers that let rows be added, and nothing else.

    They hold gesso, its defects and a careless hand at the database's shell to that. Whoever owns the
    database can drop them.
    """
    for dialect, statements in (("sqlite", _SQLITE), ("postgresql", _POSTGRESQL)):
        for statement in statements:
            ddl = DDL(statement.format(name=table.name))  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", ddl.execute_if(dialect=dialect))
