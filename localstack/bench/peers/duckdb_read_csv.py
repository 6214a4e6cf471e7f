"""Reads a CSV into an in-memory table with DuckDB on one thread, typed as declared, rejected rows kept in its reject tables."""

import json
import sys
import time

import duckdb

COLUMNS = {
    "date": "DATE",
    "school_id": "BIGINT",
    "grade": "BIGINT",
    "students_total": "BIGINT",
    "students_present": "BIGINT",
    "teacher_id": "VARCHAR",
    "lat": "DECIMAL(18, 8)",
    "remarks": "VARCHAR",
}


def main() -> None:
    path = sys.argv[1]
    connection = duckdb.connect(config={"threads": 1})
    begin = time.perf_counter()
    connection.execute(
        "create table attendance as select * from read_csv(?, header = true, auto_detect = false, delim = ',',"
        " quote = '\"', escape = '\"', columns = $columns, store_rejects = true)".replace("$columns", json.dumps(COLUMNS).replace('"', "'")),
        [path],
    )
    seconds = time.perf_counter() - begin
    kept = connection.execute("select count(*) from attendance").fetchone()[0]
    rejected = connection.execute("select count(distinct line) from reject_errors").fetchone()[0]
    answer = {"version": duckdb.__version__, "seconds": seconds, "kept": kept, "rejected": rejected}
    json.dump(answer, sys.stdout)


main()
