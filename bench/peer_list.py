"""The least that a script does for the rows of `list`: import SQLAlchemy and psycopg, connect, run the very same SELECT, fetch.

    python peer_list.py FILE [--bare]      FILE holds {"sql": …, "parameters": {…}}; DATABASE_URL says where

SQLAlchemy runs it, which first asks the server several questions of its own; with --bare psycopg does, and SQLAlchemy is only there.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import create_engine


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        asked = json.load(file)
    fetch = bare_rows if "--bare" in sys.argv else engine_rows
    if not fetch(asked["sql"], asked["parameters"]):
        sys.exit("no rows")


def engine_rows(sql: str, parameters: dict[str, Any]) -> Sequence[Any]:
    engine = create_engine("postgresql+psycopg://", creator=connect)
    with engine.connect() as connection:
        return connection.exec_driver_sql(sql, parameters).all()


def bare_rows(sql: str, parameters: dict[str, Any]) -> Sequence[Any]:
    with connect() as connection:
        return connection.execute(sql.encode(), parameters).fetchall()


def connect() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"])


if __name__ == "__main__":
    main()
