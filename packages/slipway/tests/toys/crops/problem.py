"""The crop that suits a field: a multiclass toy with string classes and no features.py."""

from crops.contract import Field
from crops.dataset import load
from crops.model import Params, build
from slipway import Card, Problem, Slice, Task

PROBLEM = Problem(
    name="crops",
    task=Task.MULTICLASS,
    metric="log_loss",
    contract=Field,
    load=load,
    params=Params,
    build=build,
    slices=(Slice("soil", lambda frame: frame["soil"]),),
    card=Card(
        title="Crops",
        intended_use="Tests.",
        out_of_scope="Everything else.",
        data="Made up.",
        target="The crop that grew best.",
        limits="Not real.",
        license="MIT-0",
        contact="Nobody.",
    ),
)
