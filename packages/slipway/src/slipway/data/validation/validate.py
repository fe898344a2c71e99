"""Validate a dataset with Great Expectations, and build its Data Docs."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.contract import Field, read_contract
from slipway.data.validation.accepted import check_accepted
from slipway.data.validation.dataset import as_table
from slipway.data.validation.report import Report, RuleResult, ViewReport
from slipway.data.validation.results import EXAMPLES, read_result
from slipway.data.validation.suite import DATASET, EXISTS, OF_KIND, ONE_KIND, build_expectations, dataset_view
from slipway.errors import DataError, ProblemError, first_line
from slipway.files.writing import new_folder
from slipway.problem import Problem, Task, View, order_classes
from slipway.stage import timed_step

if TYPE_CHECKING:
    import pandas as pd

# Types of pandas and numpy that Great Expectations cannot compare or write.
_ODD = {"interval", "period", "timedelta", "complex", "float128"}


def validate_dataset(problem: Problem, frame: "pd.DataFrame", docs: Path | None = None) -> Report:
    """Check the contract's rules on `frame`, then the problem's views; build Data Docs in the folder `docs`, if given.

    Each row is held against the contract as the service would take it, one rule more than Data Docs have. A broken rule
    is part of the report, not an error. If the dataset lacks a column or has one of another kind, the views, which are
    computed from it, are left unchecked. Raises `ProblemError` for a rule or view with a mistake.
    """
    _require_positive(problem, frame)
    dataset = dataset_view(problem, list(frame.columns))
    _refuse_same_names(problem)
    with timed_step("loading Great Expectations"):
        suites = {view.name: build_expectations(view) for view in (dataset, *problem.views)}
    with new_folder(docs) if docs else nullcontext() as folder:
        context = _context(problem.name, folder)
        # One rule more than those of the suites: whole rows against the contract.
        with timed_step(f"checking {sum(map(len, suites.values())) + 1} rules on {len(frame):,} rows"):
            frame = frame.reset_index(drop=True)
            fields = {field.name: field for field in read_contract(problem.contract)}
            accepted = check_accepted(problem, frame)
            reports = [_check_view(context, dataset, suites[DATASET], frame, fields, accepted)]
            sound = all(rule.passed for rule in reports[0].rules if rule.rule in (EXISTS, OF_KIND, ONE_KIND))
            for view in problem.views if sound else ():
                reports.append(_check_view(context, view, suites[view.name], _table(view, frame), {}))
                _refuse_errors(reports[-1])
        if folder:
            with timed_step("building Data Docs"):
                context.build_data_docs()
    return Report(
        success=all(rule.passed for report in reports for rule in report.rules),
        rows=len(frame),
        views=tuple(reports),
        unchecked=() if sound else tuple(view.name for view in problem.views),
    )


def _context(name: str, folder: Path | None) -> Any:
    """Return a context in memory with a Data Docs site in `folder`: no project folder, no cloud, no progress bars."""
    import great_expectations as gx
    from great_expectations.data_context.types import base

    settings = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(),
        data_docs_sites={name: _site(folder)} if folder else {},
        progress_bars=base.ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=settings)
    context.data_sources.add_pandas(name)
    return context


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(folder.resolve()),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def _check_view(
    context: Any,
    view: View,
    expectations: list[Any],
    frame: "pd.DataFrame",
    fields: Mapping[str, Field],
    others: Sequence[RuleResult] = (),
) -> ViewReport:
    """Check the suite of a view; `others` are results of rules that are not in it."""
    import great_expectations as gx

    (source,) = context.data_sources.all().values()
    data = source.add_dataframe_asset(view.name).add_batch_definition_whole_dataframe("all rows")
    suite = context.suites.add(gx.ExpectationSuite(name=view.name, expectations=expectations))
    plan = context.validation_definitions.add(gx.ValidationDefinition(name=view.name, data=data, suite=suite))
    with warnings.catch_warnings():
        # pandas remarks that a pattern has groups; the contract's patterns may.
        warnings.filterwarnings("ignore", "This pattern is interpreted as a regular expression", UserWarning)
        try:
            found = plan.run(
                batch_parameters={"dataframe": frame},
                result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES},
            )
        except (TypeError, ValueError) as error:  # values that it cannot compare, or write
            raise DataError(
                f"Great Expectations cannot check the view {view.name!r}: {first_line(error)} "
                f"{_list_odd_columns(frame)}Convert such a column in dataset.py to numbers, text, truth values or "
                'timestamps: frame["range"].astype(str).'
            ) from error
    rules = [
        read_result(view.expectations[result.expectation_config.meta["number"]], result, frame, fields)
        for result in found.results
    ]
    rules.extend(others)
    rules.sort(key=lambda rule: (rule.column or "", rule.rule, repr(rule.expected)))
    return ViewReport(view.name, len(frame), tuple(rules))


def _list_odd_columns(frame: "pd.DataFrame") -> str:
    """Name the columns with values of a type that no contract has, such as those of pd.cut."""
    from pandas.api.types import infer_dtype

    kinds = {name: {str(frame[name].dtype), infer_dtype(frame[name].astype(object), skipna=True)} for name in frame}
    odd = [f"{name} ({min(found & _ODD)})" for name, found in kinds.items() if found & _ODD]
    return f"Columns of other types: {', '.join(odd)}. " if odd else ""


def _table(view: View, frame: "pd.DataFrame") -> "pd.DataFrame":
    try:
        found = view.of(frame)
    except Exception as error:
        raise ProblemError(
            f"Cannot compute the view {view.name!r} from the dataset: {type(error).__name__}: {error}. "
            "Fix its function in the problem."
        ) from error
    table = as_table(found, f"view {view.name!r}")
    # The keys of a group-by stand in the index and are content; a plain numbering is not.
    return table.reset_index(drop=all(name is None for name in table.index.names))


def _require_positive(problem: Problem, frame: "pd.DataFrame") -> None:
    """Raise `ProblemError` before any row is checked where a binary target does not say which class is positive."""
    target = frame["target"].dropna() if "target" in frame else []
    if problem.task is Task.BINARY and len(target) and all(isinstance(name, str) for name in target):
        order_classes(problem, sorted(set(target)))


def _refuse_same_names(problem: Problem) -> None:
    names = [DATASET, *(view.name for view in problem.views)]
    for name in names:
        if names.count(name) > 1:
            raise ProblemError(
                f"The problem {problem.name!r} has more than one view named {name!r} ({DATASET!r} is reserved for the "
                "dataset itself). Rename one of them."
            )


def _refuse_errors(view: ViewReport) -> None:
    """Raise `ProblemError` for a rule that cannot run: the dataset is sound, so the rule or its view has a mistake."""
    for rule in view.rules:
        if rule.error:
            raise ProblemError(
                f"Cannot check {rule.rule} of the view {view.name!r} on {rule.column or 'the whole table'} with "
                f"{rule.expected}: {rule.error.rstrip('.')}. Fix the rule, or the function that computes the view."
            )
