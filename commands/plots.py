"""Makes a page of the plots that needs no internet. `make plots` runs it.

Usage: python -m commands.plots [revision ...]

Without a revision, the page shows the current results. With several it compares them, as DVC does;
a single one is compared with the current results. DVC's own page loads Vega from the internet. Here
Vega is written into the page, from the package vl-convert-python.

Writes: dvc_plots/
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import vl_convert

from stages.runtime.door import door
from stages.runtime.errors import UsageError
from stages.runtime.files import replacing
from stages.study import command

PAGE = Path(".dvc/plots/page.html")
OUT = Path("dvc_plots")
GLOBAL = "window.vegaEmbed = vegaEmbed;"
VEGA_LITE = "5.21"
"""The newest that vl-convert has of the version that the templates are written for."""


def main() -> None:
    revisions = command.revisions()
    with tempfile.TemporaryDirectory() as folder, replacing(OUT) as fresh:
        page = Path(folder) / "page.html"
        page.write_text(with_vega(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        words = ["diff", *revisions] if revisions else ["show"]
        dvc = [sys.executable, "-m", "dvc", "plots", *words]
        options = ["--out", str(fresh), "--html-template", str(page)]
        done = subprocess.run([*dvc, *options], stdout=subprocess.DEVNULL, check=False)  # noqa: S603
        if done.returncode or not (fresh / "index.html").is_file():
            raise UsageError(f"dvc plots {' '.join(words)} made no page")
    print((OUT / "index.html").resolve().as_uri())


def with_vega(page: str) -> str:
    """The page with Vega, Vega-Lite and Vega-Embed in it, where DVC would name their addresses."""
    bundle = vl_convert.javascript_bundle(GLOBAL, VEGA_LITE)
    return page.replace("{scripts}", f"<script>{bundle}</script>")


if __name__ == "__main__":
    door(main)
