"""The documentation site: pages that are generated, the pages of docs/, and a check of what came out.

    python -m docs.site            builds site/; any warning, dead link or request to another server is an error
    python -m docs.site.results    puts committed results between their marks in README.md and docs/

Nothing here imports torch.
"""
