"""python -m docs.site: builds site/ and checks it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from docs.site.assemble import assemble
from docs.site.links import faults

ROOT = Path(__file__).parents[2]


def main() -> None:
    assemble(ROOT, ROOT / ".docs")
    built = subprocess.run([sys.executable, "-m", "zensical", "build", "--clean", "--strict"], cwd=ROOT)
    found = faults(ROOT / "site") if built.returncode == 0 else []
    print(*found, sep="\n", file=sys.stderr)
    if built.returncode or found:
        sys.exit(1)
    pages = len(list((ROOT / "site").rglob("*.html")))
    print(f"{pages} pages in site/. To read and search them: python -m http.server --directory site")


if __name__ == "__main__":
    main()
