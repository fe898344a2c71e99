"""The machinery works for any problem, so it may not know this one."""

import re

from places import PACKAGE, ROOT

from slipway.contract import read_contract
from slipway.problem import load_problem
from slipway.settings import project_settings

PROBLEM = load_problem(project_settings(ROOT).problem)
# Names of contract fields that are also ordinary words, so that they may appear in prose.
ORDINARY = {"distance", "origin", "destination", "visibility"}


def machinery():
    places = [PACKAGE / "src" / "slipway", ROOT / "pipeline", ROOT / ".github", ROOT / "deploy"]
    files = [
        path for place in places for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    return files + [path for path in (ROOT / "Dockerfile", ROOT / "dvc.yaml", ROOT / "Makefile") if path.exists()]


def test_the_machinery_knows_no_column_and_no_name_of_the_problem():
    words = {PROBLEM.name, PROBLEM.contract.__name__, *(field.name for field in read_contract(PROBLEM.contract))}
    pattern = re.compile(rf"\b({'|'.join(sorted(words - ORDINARY))})\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in machinery()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []
