"""Renders documents with ReportLab as one who knows it would: platypus, repeated heading row, embedded font."""

import io
import json
import sys
import time

import reportlab
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import SimpleDocTemplate, Table, TableStyle

FONT = "Document"
MARGIN = 50
WIDTHS = [30, 130, 90, 55, 55, 135]
STYLE = TableStyle(
    [
        ("FONT", (0, 0), (-1, -1), FONT, 9),
        ("LEADING", (0, 0), (-1, -1), 11),
        ("GRID", (0, 0), (-1, -1), 0.5, colors.grey),
        ("BACKGROUND", (0, 0), (-1, 0), colors.lightgrey),
        ("ALIGN", (3, 0), (4, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
)


class NumberedCanvas(Canvas):
    """Holds pages back until their number is known, and writes head and "page n of m" on each."""

    title = ""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.held = []

    def showPage(self):
        self.held.append(dict(self.__dict__))
        self._startPage()

    def save(self):
        for number, page in enumerate(self.held, 1):
            self.__dict__.update(page)
            self.setFont(FONT, 8)
            self.drawString(MARGIN, A4[1] - MARGIN / 2, self.title)
            self.drawRightString(A4[0] - MARGIN, MARGIN / 2, f"page {number} of {len(self.held)}")
            super().showPage()
        super().save()


def render(document):
    """The bytes of a document and the number of its pages."""
    out = io.BytesIO()
    template = SimpleDocTemplate(out, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN)
    rows = [document["headings"], *document["rows"]]
    table = Table(rows, colWidths=WIDTHS, repeatRows=1, style=STYLE)
    canvas = type("TitledCanvas", (NumberedCanvas,), {"title": document["title"]})
    template.build([table], canvasmaker=canvas)
    return out.getvalue(), template.page


def main():
    documents_path, font_path, out_path = sys.argv[1:]
    with open(documents_path, encoding="utf-8") as file:
        documents = json.load(file)
    # Texts in cells do not wrap: the lines come broken, which spares it the work.
    for document in documents:
        document["rows"] = [[*row[:5], "\n".join(row[5])] for row in document["rows"]]
    pdfmetrics.registerFont(TTFont(FONT, font_path))
    render(documents[0])
    begin = time.perf_counter()
    for document in documents:
        content, pages = render(document)
    seconds = time.perf_counter() - begin
    with open(out_path, "wb") as file:
        file.write(content)
    print(json.dumps({"version": reportlab.Version, "seconds": seconds, "pages": pages, "bytes": len(content)}))


main()
