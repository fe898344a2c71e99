"""Report on a pull request: `collect` a `report`, `render` it as Markdown, post it as the one `comment`.

CI of the pull request collects it; another workflow, with the right to write, reads the artifact as untrusted data.
"""
