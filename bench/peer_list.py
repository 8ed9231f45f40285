"""The least that a script does for the rows of `list`: import SQLAlchemy and psycopg, connect, run the very same SELECT, fetch.

python peer_list.py FILE      FILE holds {"sql": …, "parameters": {…}}; DATABASE_URL says where
"""

import json
import os
import sys

import psycopg
from sqlalchemy import create_engine


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        asked = json.load(file)
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(os.environ["DATABASE_URL"]))
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(asked["sql"], asked["parameters"]).all()
    if not rows:
        sys.exit("no rows")


if __name__ == "__main__":
    main()
