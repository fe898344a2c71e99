"""Count the honest retrains of the example that each check refuses: 400 pairs of sealed models of three kinds.

    nice -n 15 uv run python packages/slipway/benchmarks/honest_retrains [--folder FOLDER]

Needs `dvc repro prepare`. Thirty models of each kind are fitted and sealed in FOLDER, where another run finds them. A
pair is a candidate and another honest model in production, by the rules of gate.yaml with `tie: candidate` and up to
ten more of its kind as earlier releases, so that every check that looks at scores is asked:

* other days: each with its own seed and its own 90 % of the training groups;
* newer data: trained and held out up to a last week, beside a production of one to nine weeks earlier;
* other parameters: other trees with the same product of learning rate and number, or other leaves, columns and
  regularisation, chosen before any of them was scored.

The checks in NOT_ASKED (judge.py) look at no model's scores on the holdout, or at time, which a busy machine changes.
FOLDER keeps the results in pairs.jsonl, one line for each pair. Twenty minutes on one core.
"""

import argparse
import json
from pathlib import Path

from judge import judge_kind, render
from models import FITS, PAIRS, load, make_retrain

from slipway.data.prepared import read_parts
from slipway.project import load_project
from slipway.settings import quiet_environment

ROOT = Path(__file__).parents[4]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / ".slipway" / "honest")
    folder = parser.parse_args().folder
    quiet_environment()
    project, parts = load_project(ROOT), read_parts(ROOT / "prepared")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "pairs.jsonl").open("w") as results:
        found = []
        for kind in PAIRS:
            models = [load(project, make_retrain(project, parts, kind, at), parts, folder) for at in range(FITS)]
            for pair in judge_kind(project, kind, models, parts):
                results.write(json.dumps(pair) + "\n")
                results.flush()
                found.append(pair)
    print(render(found))


if __name__ == "__main__":
    main()
