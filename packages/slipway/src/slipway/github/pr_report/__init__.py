"""Report on a pull request: `collect` what `schema` describes, `render` it as Markdown, write it by `post_comment`.

CI of the pull request collects it; another workflow, with the right to write, reads the artifact as untrusted data.
"""
