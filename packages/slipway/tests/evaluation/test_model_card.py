import re

import msgspec
import pytest

from slipway.errors import ProblemError
from slipway.evaluation.holdout import evaluate_holdout, score_holdout
from slipway.evaluation.model_card import render_model_card, verify_card
from slipway.evaluation.slices import cut_slices
from slipway.problem import Card


def card_of(toy, problem=None, train=None):
    problem = problem or toy.problem
    scored, baseline = score_holdout(toy.bundle, problem, toy.train, toy.holdout)
    parts = cut_slices(problem.slices, toy.holdout)
    found = evaluate_holdout(scored, baseline, problem.metric, toy.params.evaluate, parts)
    return render_model_card(problem, toy.bundle, toy.train if train is None else train, toy.holdout, found)


@pytest.mark.parametrize("field", Card.__struct_fields__)
@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_field_of_the_card_is_refused_by_name(churn, field, text):
    with pytest.raises(ProblemError, match=f"field '{field}' is empty"):
        verify_card(msgspec.structs.replace(churn.problem.card, **{field: text}))


def test_the_card_is_not_written_without_a_field(churn):
    problem = msgspec.structs.replace(churn.problem, card=msgspec.structs.replace(churn.problem.card, limits=""))
    with pytest.raises(ProblemError, match="'limits'"):
        card_of(churn, problem)


def test_the_card_says_what_the_problem_says_and_names_the_bundle(toy):
    text = card_of(toy)
    for field in Card.__struct_fields__:
        assert getattr(toy.problem.card, field) in text
    assert toy.bundle.digest in text
    for field in toy.bundle.fields:
        assert f"`{field.name}`" in text
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == [
        "Intended use",
        "Out of scope",
        "Data",
        "Target",
        "Metrics",
        "Calibration",
        "Slices",
        "Limits",
        "Input",
        "License",
        "Contact",
    ]


def test_the_card_counts_rows_and_groups_and_gives_the_period_where_rows_have_a_time(churn):
    text = card_of(churn)
    assert f"| train | {len(churn.train):,} | {churn.train['group'].nunique():,} |" in text
    timed = churn.train.assign(time=__import__("pandas").Timestamp("2024-02-03"))
    counts = f"{len(churn.train):,} | {churn.train['group'].nunique():,}"
    assert f"| train | {counts} | 2024-02-03 to 2024-02-03 |" in card_of(churn, train=timed)


def test_every_table_has_as_many_cells_in_every_line(toy):
    table: list[int] = []
    for line in card_of(toy).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line))
        if not cells:
            table = []
        else:
            table.append(cells)
            assert len(set(table)) == 1, line


def test_text_cannot_break_a_table(churn):
    from slipway.evaluation.model_card import _table

    assert _table(["a"], [["x | y\nz"]]).splitlines()[-1] == "| x \\| y z |"


def test_the_same_evaluation_gives_the_same_card_and_no_date_of_today(toy):
    from datetime import date

    text = card_of(toy)
    assert text == card_of(toy)
    assert f"{date.today():%Y-%m-%d}" not in text
