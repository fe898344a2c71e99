"""What commands print where no terminal reads it."""

from slipway.cli.output import print_table
from slipway.cli.progress import progress_bar


def test_a_table_in_a_pipe_has_whole_cells_and_no_padding_at_the_end_of_a_line(capsys):
    print_table(("what", "found", "to do"), [("uv", "1" * 300, ""), ("日本", "", "type\nthis")])
    assert capsys.readouterr().out.splitlines() == [
        f"what  found{' ' * 297}to do",
        f"uv    {'1' * 300}",
        f"日本  {' ' * 300}  type\\nthis",
    ]


def test_progress_leaves_nothing_in_a_log(capsys):
    with progress_bar() as bar:
        bar.start("reading", 2)
        bar.advance(2)
    assert capsys.readouterr().err == ""
