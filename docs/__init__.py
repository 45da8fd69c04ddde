"""The documentation: Markdown, and in `docs.site` what makes a site of it."""
