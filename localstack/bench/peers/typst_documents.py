"""Renders documents with typst in process: one compiler, each document's data as an input."""

import importlib.metadata
import json
import os
import sys
import tempfile
import time

import typst

SOURCE = """
#let document = json(bytes(sys.inputs.document))
#set page(paper: "a4", margin: 50pt,
  header: text(8pt, document.title),
  footer: align(right, text(8pt, context [page #counter(page).display() of #counter(page).final().first()])))
#set text(font: "FAMILY", size: 9pt)
#table(
  columns: (30pt, 130pt, 90pt, 55pt, 55pt, 135pt),
  align: (left, left, left, right, right, left),
  stroke: 0.5pt + gray,
  table.header(..document.headings),
  ..document.rows.flatten(),
)
#context [#metadata(counter(page).final().first()) <pages>]
"""


def main():
    documents_path, font_path, out_path = sys.argv[1:]
    with open(documents_path, encoding="utf-8") as file:
        documents = json.load(file)
    for document in documents:
        document["rows"] = [[*row[:5], " ".join(row[5])] for row in document["rows"]]
    inputs = [{"document": json.dumps(document)} for document in documents]
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "main.typ")
        with open(source, "w", encoding="utf-8") as file:
            file.write(SOURCE.replace("FAMILY", FAMILY[os.path.basename(font_path)]))
        fonts = [os.path.dirname(font_path)]
        compiler = typst.Compiler(source, font_paths=fonts, ignore_system_fonts=True)
        compiler.compile(format="pdf", sys_inputs=inputs[0])
        begin = time.perf_counter()
        for one in inputs:
            content = compiler.compile(format="pdf", sys_inputs=one)
        seconds = time.perf_counter() - begin
        pages = json.loads(compiler.query("<pages>", field="value", one=True))
    with open(out_path, "wb") as file:
        file.write(content)
    version = importlib.metadata.version("typst")
    print(json.dumps({"version": version, "seconds": seconds, "pages": pages, "bytes": len(content)}))


FAMILY = {"NotoSans-Regular.ttf": "Noto Sans", "Vera.ttf": "Bitstream Vera Sans"}

main()
