"""`slipway import-model`: from a fitted estimator in a file to code that trains it again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from slipway.cli.options import AS_JSON, FILE, examples
from slipway.cli.output import print_result

if TYPE_CHECKING:
    from slipway.importing.inputs import InputComparison
    from slipway.importing.model_file import ModelFile
    from slipway.importing.parts import Part
    from slipway.importing.proposal import Change


class ImportFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `slipway import-model --json`."""

    imports: list[str]
    foreign: list[str]
    versions: list[str]
    inputs: "InputComparison"
    notes: list[str]
    changes: "tuple[Change, ...]"
    written: bool


@click.command(
    "import-model",
    epilog=examples(
        "slipway import-model pipeline.pkl",
        "slipway import-model model.joblib --write",
        "slipway import-model theirs.skops --trust",
    ),
)
@click.argument("file", type=FILE)
@click.option("--write/--dry-run", default=False, help="Write what the diff shows. [default: dry run]")
@click.option("--trust", is_flag=True, help="Read classes other than the libraries' estimators too.")
@AS_JSON
def import_model(file: Path, write: bool, trust: bool, as_json: bool) -> None:
    """Write model.py from a pickled, joblib or skops estimator.

    Lists what the file would import, compares its columns with the problem's features, and shows the changes of
    model.py and params.yaml that train the same estimator again. Nothing of the file is run, and nothing is overwritten
    without --write.
    """
    from slipway.importing.inputs import compare_inputs
    from slipway.importing.model_file import read_model_file, require_allowed_imports
    from slipway.importing.parts import find_versions, read_model
    from slipway.importing.proposal import explain_search, propose_changes, write_changes
    from slipway.importing.source_code import write_source
    from slipway.problem import load_problem
    from slipway.settings import project_settings

    root = Path()
    package = project_settings(root).problem
    read = read_model_file(file)
    if not as_json:
        click.echo("\n".join(_describe_imports(read)))
    if not trust:
        require_allowed_imports(read)
    model = read_model(read)
    inputs = compare_inputs(model.part, load_problem(package))
    source = write_source(model.part, file.name)
    changes = propose_changes(root, package, source)
    if write:
        require_known_columns(model.part, inputs)
        write_changes(root, changes)
    notes = [*model.notes, *source.notes, *explain_search(root, source)]
    facts = ImportFacts(
        imports=[*map(str, read.imports)],
        foreign=[*map(str, read.foreign)],
        versions=sorted(find_versions(model.part)),
        inputs=inputs,
        notes=notes,
        changes=changes,
        written=write,
    )
    print_result(
        as_json,
        facts,
        *_describe_versions(model.part),
        *_describe_inputs(inputs),
        *(["", "Note:", *(f"  {each}" for each in notes)] if notes else []),
        *_describe_changes(changes, write),
    )


def require_known_columns(part: "Part", inputs: "InputComparison") -> None:
    """Raise `ModelError` where the code would name columns that the features do not have."""
    from slipway.errors import ModelError
    from slipway.importing.inputs import list_chosen_columns
    from slipway.importing.parts import iterate_parts

    named = {name for each in iterate_parts(part) for name in list_chosen_columns(each)}
    lost = [name for name in inputs.missing if name in named]
    if lost:
        raise ModelError(
            f"The estimator names columns that the problem's features do not have: {', '.join(lost)}. Nothing was "
            "written. Add them in features.py, or rename them in the notebook and save the estimator again."
        )


def _describe_imports(read: "ModelFile") -> list[str]:
    foreign = set(read.foreign)
    return [
        f"{read.path} ({read.written_by}) would import, if it was loaded (nothing of it is run):",
        *(f"  {name}{'   <- not allowed' if name in foreign else ''}" for name in read.imports),
    ]


def _describe_versions(part: "Part") -> list[str]:
    from importlib.metadata import version

    from slipway.importing.parts import find_versions

    installed, found = version("scikit-learn"), sorted(find_versions(part))
    if not found or found == [installed]:
        return []
    return [
        "",
        f"Written by scikit-learn {' and '.join(found)}, installed is {installed}: parameters that are not written "
        "have the defaults of the installed version, which may differ. Compare the figures.",
    ]


def _describe_inputs(inputs: "InputComparison") -> list[str]:
    if not inputs.found and not inputs.missing:
        count = "an unknown number of" if inputs.unnamed is None else f"{inputs.unnamed:,}"
        return ["", f"Inputs: {count} columns without names. The features are: {', '.join(inputs.extra)}."]
    lines = ["", f"Inputs: {len(inputs.found):,} of {len(inputs.found) + len(inputs.missing):,} are features here."]
    for name in inputs.missing:
        if name in inputs.renamed:
            lines.append(f"  missing {name}: renamed? Nearly the same: {inputs.renamed[name]}")
        elif name in inputs.dummies:
            text = inputs.dummies[name]
            lines.append(f"  missing {name}: made of {text} by get_dummies? Use OneHotEncoder on {text} in model.py")
        else:
            lines.append(f"  missing {name}: derive it in features.py, or add it to contract.py")
    if inputs.extra:
        lines.append(f"  extra, features that the file does not use: {', '.join(inputs.extra)}")
    if not inputs.derived:
        lines.append("  features.py refused a row of missing values: compared with the contract's fields instead.")
    return lines


def _describe_changes(changes: "tuple[Change, ...]", written: bool) -> list[str]:
    diffs = [each.diff for each in changes if each.diff]
    if not diffs:
        return ["", "model.py and params.yaml are as the file asks already. Nothing changed."]
    if written:
        return ["", f"Wrote {' and '.join(each.path for each in changes)}. Next: make test && make repro"]
    return ["", *diffs, "Nothing was written. To write this: repeat the command with --write."]
