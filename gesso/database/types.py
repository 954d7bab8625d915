"""Column types that mean the same on SQLite and PostgreSQL."""

import json
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

# SQLite numbers rows by itself only in a column declared exactly INTEGER.
Serial = BigInteger().with_variant(Integer, "sqlite")


class Json(TypeDecorator[Any]):
    """Any JSON value as ASCII text; None is NULL.

    Text and not the database's own JSON: PostgreSQL refuses NaN, NUL and lone surrogates, all of
    which a workflow may carry.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)
