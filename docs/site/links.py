"""What is wrong with a built site: links that lead nowhere, and files that a browser would load from other servers."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "link": "href"}  # when a page is read
NO_REQUEST = {"canonical", "prev", "next", "alternate", "author", "license"}  # links that a browser does not follow


class _Page(HTMLParser):
    """Its anchors, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif (address := given.get(FETCHED.get(tag, ""))) and given.get("rel") not in NO_REQUEST:
            self.links.append(address)
            self.loaded.append(address)


def faults(site: Path) -> list[str]:
    """A line for each link to a file or an anchor that is not there, and for each file that another server would give.

    site: the folder of a built site.
    """
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        shown = path.relative_to(site)
        found += [f"{shown}: loads {address}" for address in page.loaded if urlsplit(address).netloc]
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if parts.path.startswith("/"):
                if path.name != "404.html":  # which a server shows at any address
                    found.append(f"{shown}: {link} works on one server only")
                continue
            if target.is_dir():
                target /= "index.html"
            if not target.is_relative_to(site.resolve()) or not target.exists():
                found.append(f"{shown}: {link} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{shown}: {link} has no such place")
    return found
