"""Runs one command of the console and writes down what it asked of PostgreSQL, for psql to ask it again.

python asked.py FILE report --daily      DATABASE_URL says where
"""

import sys
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from ecloud_pay.cli import run


def main() -> int:
    path, *arguments = sys.argv[1:]
    statements = ["BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"]

    def note(_connection: object, cursor: psycopg.Cursor[Any], statement: str, parameters: Any, *_rest: object) -> None:
        statements.append(psycopg.ClientCursor(cursor.connection).mogrify(statement, parameters or None))

    event.listen(Engine, "before_cursor_execute", note)
    code = run(arguments)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{statement};\n" for statement in [*statements, "ROLLBACK"])
    return code


if __name__ == "__main__":
    sys.exit(main())
