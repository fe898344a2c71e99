"""Run the code of bundles where it can do no harm: in a child process without environment, network or rights."""

from slipway.bundle.isolation.bundle import IsolatedBundle, isolate_bundle
from slipway.bundle.isolation.child_process import ChildProcess, start_server

__all__ = ["ChildProcess", "IsolatedBundle", "isolate_bundle", "start_server"]
