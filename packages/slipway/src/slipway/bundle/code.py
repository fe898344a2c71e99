"""The two source files that travel with a model: what they may import, and how they are run."""

import ast
import sys
from pathlib import Path
from types import ModuleType

from slipway.errors import BundleError, ProblemError

CONTRACT = "contract.py"
FEATURES = "features.py"
_ALLOWED = frozenset(sys.stdlib_module_names) | {"numpy", "msgspec"}


def check_imports(path: Path) -> None:
    """Raise `ProblemError` if the file imports anything beyond the standard library, numpy and msgspec."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Import(names=names):
                imported = [alias.name for alias in names]
            case ast.ImportFrom(module=module, level=level):
                imported = ["." * level + (module or "")]
            case _:
                continue
        for name in imported:
            if name.split(".")[0] not in _ALLOWED:
                raise ProblemError(
                    f"{path.name}, line {node.lineno}: imports {name!r}. This file travels with the model, so it "
                    "may import only the standard library, numpy and msgspec. Move what needs more to dataset.py "
                    "or model.py."
                )


def run_source(name: str, source: bytes, digest: str) -> ModuleType:
    """Run the verified source of the file `name` as a module of its own.

    The module is named after the bundle, so that two bundles live side by side; nothing is compiled to disk, because
    a bundle holds no file that its manifest does not name.
    """
    module = ModuleType(f"slipway_bundle_{digest[:16]}_{Path(name).stem}")
    # msgspec resolves annotations through sys.modules.
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, name, "exec"), module.__dict__)  # noqa: S102 - sealed and verified code
    except Exception as error:  # whatever foreign code raises is one mistake: a bundle that does not run
        del sys.modules[module.__name__]
        raise BundleError(f"{name} does not run: {type(error).__name__}: {error}.") from error
    return module
