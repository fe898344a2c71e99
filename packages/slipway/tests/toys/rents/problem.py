"""The rent of a flat: a regression toy without groups."""

from rents.contract import Flat
from rents.dataset import load
from rents.features import shape
from rents.model import Params, build
from slipway import Card, Problem, Slice, Task

PROBLEM = Problem(
    name="rents",
    task=Task.REGRESSION,
    metric="rmse",
    outcome="monthly rent",
    contract=Flat,
    load=load,
    features=shape,
    params=Params,
    build=build,
    slices=(Slice("district", lambda frame: frame["district"].fillna("unknown")),),
    card=Card(
        title="Rents",
        intended_use="Tests.",
        out_of_scope="Everything else.",
        data="Made up.",
        target="The monthly rent in euros.",
        limits="Not real.",
        license="MIT-0",
        contact="Nobody.",
    ),
)
