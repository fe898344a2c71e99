"""Will this subscriber leave: a binary toy with strings, missing values, booleans, integers and timestamps."""

from churn.contract import Subscriber
from churn.dataset import load
from churn.features import derive
from churn.model import Params, build
from slipway import Card, Problem, Slice, Task

PROBLEM = Problem(
    name="churn",
    task=Task.BINARY,
    metric="log_loss",
    contract=Subscriber,
    load=load,
    features=derive,
    params=Params,
    build=build,
    slices=(Slice("plan", lambda frame: frame["plan"]),),
    card=Card(
        title="Churn",
        intended_use="Tests.",
        out_of_scope="Everything else.",
        data="Made up.",
        target="Whether the subscriber left.",
        limits="Not real.",
        license="MIT-0",
        contact="Nobody.",
    ),
)
