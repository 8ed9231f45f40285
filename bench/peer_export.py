"""Writes a CSV file of rows the ways that scripts do.

python peer_export.py copy FILE OUTPUT      FILE holds a COPY … TO STDOUT; DATABASE_URL says where
python peer_export.py loop FILE OUTPUT      FILE holds a SELECT, whose rows a loop writes
"""

import csv
import os
import sys

import psycopg

HEAD = "Payment ID,Date,Client Email,Cleaner Email,Amount,Platform Fee,Cleaner Payout,Status,Stripe Payment Intent,Card Brand,Card Last4"


def copy(connection: psycopg.Connection, statement: bytes, output: str) -> None:
    with open(output, "wb") as file, connection.cursor() as cursor, cursor.copy(statement) as rows:
        for row in rows:
            file.write(row)


def loop(connection: psycopg.Connection, statement: bytes, output: str) -> None:
    with open(output, "w", newline="", encoding="utf-8") as file, connection.cursor("payments") as cursor:
        cursor.itersize = 2000
        writer = csv.writer(file)
        writer.writerow(HEAD.split(","))
        for row in cursor.execute(statement):
            writer.writerow("N/A" if cell is None else cell for cell in row)


if __name__ == "__main__":
    _, how, path, to = sys.argv
    with open(path, "rb") as asked, psycopg.connect(os.environ["DATABASE_URL"]) as opened:
        {"copy": copy, "loop": loop}[how](opened, asked.read(), to)
