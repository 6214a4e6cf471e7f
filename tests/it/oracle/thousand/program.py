"""Computes every dataset from the accepted source files and the declared specs alone: a program of its own.

It reads a folder: `manifest.json` names the specs as they were posted, the files that count in the order of their
arrival, and the questions that are asked; the files lie beside it. It answers the rows of every dataset and of every
question as JSON. Numbers are whole or `decimal`, never floats. What it does not understand it refuses loudly.
"""

import csv
import datetime
import decimal
import hashlib
import io
import json
import pathlib
import re
import sys
import zipfile

decimal.getcontext().prec = 200
SIX_PLACES = decimal.Decimal("0.000001")


class BadCell(Exception):
    """A cell that is not of its field's type."""


def typed(kind, text):
    if text is None or text == "":
        return None
    if kind == "text":
        return text
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return decimal.Decimal(text)
    if kind == "date" and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            pass
    raise BadCell(text)


def of_json(kind, value):
    if value is None or isinstance(value, str) and kind in ("text", "date"):
        return typed(kind, value)
    if kind == "integer" and isinstance(value, int):
        return value
    if kind == "number" and isinstance(value, (int, decimal.Decimal)):
        return decimal.Decimal(value)
    raise BadCell(value)


def rounded(numerator, denominator):
    if numerator is None or not denominator:
        return None
    share = decimal.Decimal(numerator) / decimal.Decimal(denominator)
    return share.quantize(SIX_PLACES, rounding=decimal.ROUND_HALF_UP)


def written(value):
    if isinstance(value, decimal.Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return None if value is None else str(value)


def period(value, grain):
    if grain is None or not isinstance(value, datetime.date):
        return value
    year, week, _ = value.isocalendar()
    names = {"day": value.isoformat(), "week": f"{year:04}-W{week:02}", "month": f"{value:%Y-%m}", "year": f"{value:%Y}"}
    return names[grain]


def meets(row, condition):
    """A row without a value meets no condition."""
    value = row[condition["column"]]
    if value is None:
        return False
    literal = condition["value"]
    if isinstance(value, datetime.date):
        literal = datetime.date.fromisoformat(literal)
    elif isinstance(value, (int, decimal.Decimal)):
        literal = decimal.Decimal(literal)
    else:
        value, literal = value.encode(), literal.encode()
    return {
        "=": value == literal, "!=": value != literal, "<": value < literal,
        "<=": value <= literal, ">": value > literal, ">=": value >= literal,
    }[condition["operator"]]


class Table:
    """An event or a dimension: fields, and which rows are whole."""

    def __init__(self, body):
        kind = body["ingestion_type"]
        items = body["input"]["properties"][kind]["items"]
        self.name = body[f"{kind}_name"]
        self.required = set(items["required"])
        self.key = items.get("key", [])
        self.fields = {}
        self.headers = {}
        for name, said in items["properties"].items():
            kinds = {("string", "date"): "date", ("string", None): "text", ("integer", None): "integer",
                     ("number", None): "number"}
            self.fields[name] = kinds[(said["type"], said.get("format"))]
            self.headers[said.get("header", name)] = name

    def row(self, values, read):
        row = {name: read(kind, values.get(name)) for name, kind in self.fields.items()}
        if any(row[name] is None for name in self.required):
            raise BadCell("required")
        return row

    def of_cells(self, header, cells):
        if len(cells) != len(header):
            raise BadCell("count of cells")
        return self.row({self.headers[label]: cell for label, cell in zip(header, cells)}, typed)


def lines(text):
    """The records of a CSV and the physical lines that they begin on."""
    reader = csv.reader(io.StringIO(text, newline=""))
    at = 0
    for cells in reader:
        begins, at = at + 1, reader.line_num
        if cells:
            yield begins, cells


def read_csv(table, text, repairs):
    records = lines(text)
    _, header = next(records)
    kept, rejected = [], set()
    for line, cells in records:
        try:
            kept.append(table.of_cells(header, cells))
        except BadCell:
            rejected.add(line)
    for repair in repairs:
        records = lines(repair.removeprefix("\ufeff"))
        _, repaired = next(records)
        at = repaired.index("millrace_line")
        for _, cells in records:
            line = int(cells[at])
            try:
                row = table.of_cells(repaired[:at], cells[:at])
            except BadCell:
                continue
            if line in rejected:
                rejected.remove(line)
                kept.append(row)
    return kept


def read_json(table, text):
    kept = []
    for said in json.loads(text, parse_float=decimal.Decimal):
        try:
            kept.append(table.row(said, of_json))
        except BadCell:
            pass
    return kept


def read_file(table, folder, said):
    content = (folder / said["path"]).read_bytes()
    repairs = [(folder / path).read_bytes().decode() for path in said["repairs"]]
    if said["format"] == "json":
        return read_json(table, content.decode())
    if said["format"] == "zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [archive.read(member).decode() for member in archive.infolist() if not member.is_dir()]
        return [row for member in members for row in read_csv(table, member, repairs)]
    return read_csv(table, content.decode(), repairs)


def conditions(aggregate):
    said = aggregate.get("filters", [])
    for one in said if isinstance(said, list) else [said]:
        of = {name: part["pattern"] for name, part in one["properties"].items()}
        yield {"column": of["filter_col"], "operator": of["filter_type"], "value": of["filter"]}


def name_of(said):
    return said["pattern"].removeprefix("ingestion.")


class Dataset:
    """What a body declares."""

    def __init__(self, body):
        said = body["input"]["properties"]["dataset"]["properties"]
        aggregate = said["aggregate"]["properties"]
        columns = aggregate["columns"]["items"]["properties"]
        self.name = body["dataset_name"]
        self.event = body.get("event_name")
        self.transformer = body.get("transformer_name")
        self.table = name_of(columns["table"]) if "table" in columns else None
        self.columns = columns["column"]
        self.functions = aggregate["function"]
        self.group_by = said["group_by"]
        self.filters = list(conditions(aggregate))
        self.outputs = aggregate["update_cols"]
        self.numerator, self.denominator = (
            aggregate[member]["pattern"] if member in aggregate else None
            for member in ("numerator_col", "denominator_col"))
        join = body["input"]["properties"].get("dimensions", {}).get("properties")
        self.join = (name_of(join["table"]), join["merge_on_col"]["pattern"]) if join else None


def aggregate(function, column, rows):
    values = [row[column] for row in rows if row[column] is not None]
    if function == "count":
        return len(values)
    if function == "distinct_count":
        return len(set(values))
    if not values:
        return None
    if function == "avg":
        return rounded(sum(values), len(values))
    return {"sum": sum, "min": min, "max": max}[function](values)


class Program:
    def __init__(self, folder):
        manifest = json.loads((folder / "manifest.json").read_text())
        self.tables, self.datasets, self.transformers = {}, {}, {}
        for body in manifest["specs"]:
            kind = body["ingestion_type"]
            if kind == "dataset":
                self.datasets[body["dataset_name"]] = Dataset(body)
            elif kind == "transformer":
                self.transformers[body["transformer_name"]] = body
            else:
                self.tables[(kind, body[f"{kind}_name"])] = Table(body)
        self.rows = {key: [] for key in self.tables}
        self.known = {}
        seen = set()
        for said in manifest["files"]:
            key = (said["kind"], said["spec"])
            # The same bytes count once, whatever their files are called.
            content = hashlib.sha256((folder / said["path"]).read_bytes()).digest()
            if (key, content) in seen:
                continue
            seen.add((key, content))
            self.rows[key] += read_file(self.tables[key], folder, said)
        for (kind, name), table in self.tables.items():
            if kind == "dimension":
                # Of the rows of a key, the one that arrived last.
                rows = self.rows[(kind, name)]
                self.known[name] = {tuple(row[field] for field in table.key): row for row in rows}

    def transformed(self, name, rows):
        for step in self.transformers[name]["steps"]:
            ((verb, said),) = step.items()
            rows = list(getattr(self, f"step_{verb}")(said, rows))
        return rows

    @staticmethod
    def step_unpivot(said, rows):
        for row in rows:
            others = {name: value for name, value in row.items() if name not in said["columns"]}
            for column, label in said["columns"].items():
                if row[column] is not None:
                    yield {**others, said["label"]: typed(said["label_type"], label), said["value"]: row[column]}

    @staticmethod
    def step_filter(said, rows):
        return (row for row in rows if all(meets(row, condition) for condition in said))

    @staticmethod
    def step_derive(said, rows):
        for row in rows:
            if "cases" in said:
                of = written(row[said["cases"]["of"]])
                value = typed(said["type"], said["cases"]["when"].get(of))
            elif "sum" in said:
                value = sum(int(one["value"]) for one in said["sum"])
            else:
                parts = [row[said["date"][part]["column"]] for part in ("year", "month", "day")]
                value = None if None in parts else datetime.date(*map(int, parts))
            yield {**row, said["column"]: value}

    def fed(self, dataset):
        """The rows that a dataset is made of, and whether filters were spent on them."""
        if dataset.transformer:
            event = self.transformers[dataset.transformer]["event_name"]
            rows = self.transformed(dataset.transformer, self.rows[("event", event)])
        elif dataset.event:
            rows = self.rows[("event", dataset.event)]
        else:
            rows = self.served(dataset.table)
        if dataset.numerator is None:
            rows = [row for row in rows if all(meets(row, condition) for condition in dataset.filters)]
        return rows

    def served(self, name):
        dataset = self.datasets[name]
        columns = dataset.group_by + dataset.outputs
        return [dict(zip(columns, row)) for row in self.evaluate(name, dataset.group_by, None)]

    def joined(self, dataset, rows):
        if not dataset.join:
            return rows
        name, field = dataset.join
        known = self.known[name]
        return [{**known[(row[field],)], **row} for row in rows if (row[field],) in known]

    def grouped(self, dataset, rows, columns, grain):
        groups = {}
        for row in self.joined(dataset, rows):
            groups.setdefault(tuple(period(row[column], grain) for column in columns), []).append(row)
        return groups

    def evaluate(self, name, columns, grain):
        dataset = self.datasets[name]
        groups = self.grouped(dataset, self.fed(dataset), columns, grain)
        borrowed = {}
        if dataset.event and dataset.table:
            borrowed = self.grouped(dataset, self.served(dataset.table), columns, grain)
        return [
            list(key) + [self.output(dataset, output, rows, borrowed.get(key, [])) for output in dataset.outputs]
            for key, rows in groups.items()
        ]

    def term(self, dataset, listed, rows, borrowed, own):
        """The figure that a numerator or a denominator names."""
        function, _, column = listed.partition("_")
        if function in dataset.functions and column in dataset.columns:
            return aggregate(function, column, rows)
        if dataset.event and dataset.table:
            return aggregate("sum", listed, borrowed)
        if listed in dataset.columns:
            return aggregate("sum", listed, rows)
        (only,) = dataset.functions
        return aggregate(only, own, rows)

    def output(self, dataset, output, rows, borrowed):
        above = [row for row in rows if all(meets(row, condition) for condition in dataset.filters)]
        terms = {}
        if dataset.numerator:
            terms[dataset.denominator] = self.term(dataset, dataset.denominator, rows, borrowed, dataset.columns[-1])
            terms[dataset.numerator] = self.term(dataset, dataset.numerator, above, borrowed, dataset.columns[0])
        if output in terms:
            return terms[output]
        for function in dataset.functions:
            if output.removeprefix(f"{function}_") in dataset.columns and output.startswith(f"{function}_"):
                return aggregate(function, output.removeprefix(f"{function}_"), rows)
        above, below = terms[dataset.numerator], terms[dataset.denominator]
        return rounded(None if above is None else 100 * above, below)

    def waiting(self, name):
        """How many keys of the dimension are missing, and how many rows wait for them."""
        dataset = self.datasets[name]
        of, field = dataset.join
        waiting = [row[field] for row in self.fed(dataset) if (row[field],) not in self.known[of]]
        return [len({key for key in waiting if key is not None}), len(waiting)]


def main():
    folder = pathlib.Path(sys.argv[1])
    program = Program(folder)
    questions = json.loads((folder / "manifest.json").read_text())["questions"]
    text = lambda rows: [[written(value) for value in row] for row in rows]
    waiting = [name for name, one in program.datasets.items() if one.join and one.event and not one.table]
    json.dump({
        "datasets": {name: text(program.evaluate(name, one.group_by, None)) for name, one in program.datasets.items()},
        "questions": [text(program.evaluate(one["dataset"], one["columns"], one["grain"])) for one in questions],
        "waiting": {name: program.waiting(name) for name in waiting},
    }, sys.stdout)


main()
