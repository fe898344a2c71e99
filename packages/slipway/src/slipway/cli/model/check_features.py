"""`slipway check-features`: does features.py compute what the pandas code of a notebook did?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, FILE, FOLDER, examples
from slipway.cli.output import print_result

if TYPE_CHECKING:
    from slipway.importing.feature_check import ColumnCheck, FeatureCheck


@click.command(
    "check-features",
    epilog=examples(
        "slipway check-features --against old_features.py",
        "slipway check-features --against notebooks/prepare.py --function add_features",
    ),
)
@click.option(
    "--against", type=FILE, required=True, metavar="FILE", help="Python file with the pandas code; it is run."
)
@click.option("--function", default="features", show_default=True, help="Its function, from DataFrame to DataFrame.")
@click.option("--data", type=FOLDER, default=Path("data"), show_default=True, help="Where the dataset lies.")
@AS_JSON
def check_features(against: Path, function: str, data: Path, as_json: bool) -> None:
    """Compare pandas code with features.py, row by row.

    Both get the contract's columns of every row of the problem's dataset. Numbers that agree in six digits count as
    equal, because the model takes float32. Exit code 1 where a column is missing or extra, or a value differs.
    """
    from slipway.importing.feature_check import compare_features, load_function
    from slipway.project import load_project

    problem = load_project().problem
    found = compare_features(problem, problem.load(data), load_function(against, function))
    print_result(as_json, found, *_describe(found, against))
    if not found.is_equal:
        raise SystemExit(1)


def _describe(found: "FeatureCheck", against: Path) -> list[str]:
    lines = [f"{len(found.columns):,} columns in both, compared on {found.rows:,} rows:"]
    for each in found.columns:
        lines += _describe_column(each, found.rows)
    lines += [f"  {name}: only in {against}; add it in features.py" for name in found.only_old]
    lines += [f"  {name}: only in features.py" for name in found.only_new]
    return [*lines, "The features are equal." if found.is_equal else "The features differ."]


def _describe_column(each: "ColumnCheck", rows: int) -> list[str]:
    types = f"  {each.name} ({each.old_type}, {each.new_type} in features.py): "
    shown = [f"    row {row:,}: {old}, in features.py {new}" for row, old, new in each.examples]
    if each.differing is None:
        return [f"{types}numbers in the one, text in the other", *shown]
    if not each.differing:
        return [f"{types}equal"]
    largest = f", by at most {each.largest:g}" if each.largest is not None else ""
    return [f"{types}{each.differing:,} rows differ ({each.differing / rows:.2%}){largest}", *shown]
