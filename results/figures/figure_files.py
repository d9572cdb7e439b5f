"""Writes the figures of a page of `stdualx report --html` as files, for `report --figures`: figure_files.py PAGE.html FOLDER ("-": standard input).

Each figure becomes FOLDER/NAME.svg, .pdf and .png, through the same Vega-Lite specification that the page draws. Wants the wheel
vl-convert-python, which cluster/bootstrap.sh puts into .venv. Exit status 2 where the page is none of ours.
"""
import json
import pathlib
import re
import sys

import vl_convert

WIDTH = 640  # pixels, where a figure takes the width of the page


def specifications(page):
    """The page's specifications by name, such as accuracy-1."""
    found = re.findall(r'<script type="application/json" id="([a-z0-9-]+)-spec">(.*?)</script>', page, re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def main(words):
    if len(words) != 2:
        print("figure_files.py: expected PAGE.html and a folder", file=sys.stderr)
        return 2
    page, folder = words[0], pathlib.Path(words[1])
    figures = specifications(sys.stdin.read() if page == "-" else pathlib.Path(page).read_text(encoding="utf-8"))
    if not figures:
        print(f"figure_files.py: {page} holds no figure; expected a page of `stdualx report --html`", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        if figure.get("width") == "container":
            figure["width"] = WIDTH
        figure.setdefault("background", "white")
        (folder / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(figure), encoding="utf-8")
        (folder / f"{name}.pdf").write_bytes(vl_convert.vegalite_to_pdf(figure))
        (folder / f"{name}.png").write_bytes(vl_convert.vegalite_to_png(figure, scale=2))
        print(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
