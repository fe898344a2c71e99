"""Run the two source files that travel with a model."""

import sys
from pathlib import Path
from types import ModuleType

from slipway.errors import BundleError

CONTRACT = "contract.py"
FEATURES = "features.py"


def run_source(name: str, source: bytes, digest: str) -> ModuleType:
    """Run the verified source of the file `name` as a module of its own.

    The module is named after the bundle, so that two bundles can be loaded at once. No compiled file is written, as a
    bundle has no file that its manifest does not name.
    """
    module = ModuleType(module_name(name, digest))
    # msgspec resolves annotations through sys.modules.
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, name, "exec"), module.__dict__)  # noqa: S102 - sealed and verified code
    except Exception as error:  # whatever foreign code raises is one mistake: a bundle that does not run
        del sys.modules[module.__name__]
        raise BundleError(f"Cannot run {name}: {type(error).__name__}: {error}.") from error
    return module


def module_name(name: str, digest: str) -> str:
    """Return the name of the module of the file `name` of a bundle."""
    return f"slipway_bundle_{digest[:16]}_{Path(name).stem}"
