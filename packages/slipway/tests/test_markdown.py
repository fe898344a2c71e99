"""Text of a pull request is text: read as GitHub reads it, by GitHub's own parser."""

import re
from html.parser import HTMLParser

import cmarkgfm
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from slipway.markdown import Part, escape_markdown, fit_parts, inline_code, join_parts, markdown_table

HOSTILE = [
    "@ann look",
    "mail@example.com",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "<https://evil.example>",
    "https://evil.example and HTTP://evil.example and www.evil.example",
    "<script>alert(1)</script><b>x</b>",
    "<!-- slipway:report -->",
    "&lt;b&gt; &#64;ann",
    "a | b \\| c",
    "`a | b` `c\\| d`",
    "odd ` tick | <b>",
    "`x```` `` | <b>",
    "**bold** _it_ ~~no~~ $x^2$",
    "# heading",
    "1. list",
    "- list",
    "1.",
    "---",
    "> quote",
    "line\n\n# heading\n\n<b>",
    "line\r\n| a | b |\n|---|---|",
    "```mermaid\ngraph\n```",
    "[a]: https://evil.example",
    "see #12 and gh-12 and acme/model#3 and acme/model@deadbeef1",
    "0123456789abcdef0123456789abcdef01234567",
    "`a`0123456789abcdef`b`",
    "\u202eright to left\u2028\x1b[31m",
]
REFERENCES = re.compile(r"(?<!\w)@\w|#\d|\bgh-\d|://|\bwww\.\w|(?<![\w.])[0-9a-f]{7,40}(?!\w)", re.IGNORECASE)


class Page(HTMLParser):
    """The tags of a page, and its text outside of code."""

    def __init__(self, markdown):
        super().__init__()
        self.tags, self.text, self.comments, self._code = [], "", [], 0
        # The unsafe option leaves HTML where GitHub's sanitiser would begin.
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, cmarkgfm.Options.CMARK_OPT_UNSAFE))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._code += tag == "code"

    def handle_endtag(self, tag):
        self._code -= tag == "code"

    def handle_data(self, data):
        self.text += "" if self._code else data

    def handle_comment(self, data):
        self.comments.append(data)


def check_inert(text):
    page = Page(escape_markdown(text))
    assert set(page.tags) <= {"p", "code"}, page.tags
    assert page.tags.count("p") <= 1
    assert not page.comments
    assert not REFERENCES.search(page.text), page.text
    row = Page(markdown_table(["a", "b"], [[escape_markdown(text), inline_code(text)]]))
    assert row.tags.count("td") == 2 and set(row.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_no_markup(text):
    check_inert(text)


@given(some.lists(some.sampled_from([*HOSTILE, *"`|\\<>&@#*_[]()!~$:-+=\n 1aF"]), max_size=8).map("".join))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_mixture_of_it_is_either(text):
    check_inert(text)


def test_the_words_are_still_there():
    page = Page(escape_markdown("a_b & c < d: 5% (x), `dvc repro` first"))
    assert page.text == "a_b & c < d: 5% (x),  first\n"
    for plain in ("Run `dvc repro`.", "0.025 ms a row", "log_loss 5% (95% interval 1.1% to 5%)"):
        assert escape_markdown(plain) == plain


def test_the_folded_parts_are_shortened_first_and_say_so():
    lines = markdown_table(["a"], [[f"line {number}"] for number in range(1000)])
    parts = [Part("# head"), Part("first\n" + lines), Part(lines, "more"), Part(lines, "last")]
    whole = len(join_parts(parts).encode())
    found = fit_parts(parts, whole - 2000)
    assert len(found.encode()) <= whole - 2000
    assert found.count("line 999") == 2 and found.rindex("line 999") < found.index("last")
    assert "lines left out" in found.split("<summary>last")[1]
    small = fit_parts(parts, 2000)
    assert len(small.encode()) <= 2000
    assert small.startswith("# head\n\nfirst\n") and small.count("left out") == 3
    assert small.count("<details>") == small.count("</details>") == 2


def test_a_drawing_is_left_out_whole():
    drawing = "```mermaid\n" + "bar 1\n" * 500 + "```"
    found = fit_parts([Part("# head"), Part(drawing), Part("words")], 1000)
    assert "```" not in found and "left out" in found and "words" in found
