"""Reads a PDF as others do: its text, what a renderer paints, and what qpdf finds wrong with it.

Usage: read_pdf.py FILE; prints a JSON object.
"""

import io
import json
import sys

import pikepdf
import pypdfium2


def page(document, index):
    """The size, the text and the share of painted pixels of a page."""
    found = document[index]
    width, height = found.get_size()
    image = found.render(scale=1, grayscale=True).to_pil()
    histogram = image.histogram()
    png = io.BytesIO()
    image.save(png, format="PNG")
    return {
        "width": round(width, 2),
        "height": round(height, 2),
        "text": found.get_textpage().get_text_bounded(),
        "painted": 1 - histogram[255] / sum(histogram),
        "png_bytes": len(png.getvalue()),
    }


def main(path):
    with pikepdf.open(path) as file:
        problems = file.check_pdf_syntax()
        catalog = file.Root
        language = str(catalog.get("/Lang", ""))
        title = str(file.docinfo.get("/Title", ""))
        fonts = {
            str(font.BaseFont): "/FontFile2" in font.DescendantFonts[0].FontDescriptor
            for one in file.pages
            for font in one.Resources.Font.values()
        }
        info = sorted(str(name) for name in file.docinfo)
    document = pypdfium2.PdfDocument(path)
    pages = [page(document, index) for index in range(len(document))]
    found = {"problems": problems, "language": language, "title": title, "info": info, "fonts": fonts, "pages": pages}
    json.dump(found, sys.stdout)


main(sys.argv[1])
