"""The code that a contract runs for each row beside the types of its fields, read without running it."""

import ast

from slipway.errors import ProblemError

HOOK = "__post_init__"
# Methods that show a row, and attributes that keep nothing of one.
_SHOWN = frozenset({"__repr__", "__str__", "__doc__", "__slots__", "__module__"})
# Options of a struct by which the same JSON is read otherwise; names and unknown fields are compared by themselves.
_OPTIONS = frozenset({"array_like", "tag", "tag_field", "metaclass"})


def read_hooks(source: bytes, contract: str) -> dict[str, str]:
    """Return the functions that a contract's rows go through, and all that they use of the file, as normalised code.

    The keys are the names as they are defined; comments, docstrings and layout make no difference. It is empty where no
    class of the contract, or of its bases in the file, is given a `__post_init__`, another method that Python calls by
    itself (`__getattribute__`, `__eq__`) or an option of the struct that changes what is read. Raises `ProblemError`
    for a source that does not define the contract.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise ProblemError(f"Cannot read contract.py: {error}.") from error
    defined = _definitions(tree)
    if not isinstance(defined.get(contract), ast.ClassDef):
        raise ProblemError(f"contract.py has no class {contract} at its top level. Define the struct there.")
    wanted, found, steps = [contract, HOOK], dict[str, str](), False
    while wanted:
        name = wanted.pop()
        if name in found or name not in defined:
            continue
        node = defined[name]
        code = _rules_of(node) if isinstance(node, ast.ClassDef) else [node]
        steps = steps or any(_is_step(each) for part in code for each in ast.walk(part))
        found[name] = "; ".join(_normalise(each) for each in code)
        wanted += [each.id for part in code for each in ast.walk(part) if isinstance(each, ast.Name)]
        wanted += [each.attr for part in code for each in ast.walk(part) if isinstance(each, ast.Attribute)]
    return found if steps or any(HOOK in code for code in found.values()) else {}


def _definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """Return each top-level statement by the names that it binds; the last one counts, as it does at run time."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found[name] = node
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.For() | ast.If() | ast.With() | ast.Try():
                stores = [each for each in ast.walk(node) if isinstance(each, (ast.Name, ast.Attribute))]
                names = [each.id if isinstance(each, ast.Name) else each.attr for each in stores if _is_stored(each)]
                found |= dict.fromkeys(names, node)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {(alias.asname or alias.name).partition(".")[0]: node for alias in names}
    return found


def _is_step(node: ast.AST) -> bool:
    """Return whether Python itself runs a function, or an option says how rows are written."""
    match node:
        case ast.FunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
            return name.startswith("__") and name not in _SHOWN
        case ast.keyword(arg=name):
            return name in _OPTIONS
    return False


def _is_stored(node: ast.Name | ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Store)


def _rules_of(node: ast.ClassDef) -> list[ast.AST]:
    """Return bases, options, decorators and statements of a class; its fields are compared by themselves."""
    body = [each for each in node.body if not isinstance(each, ast.AnnAssign) and not _is_docstring(each)]
    options = [each for each in node.keywords if each.arg in _OPTIONS]
    return [*node.bases, *options, *node.decorator_list, *body]


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


class _WithoutDocstrings(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Drop the docstring of a function."""
        self.generic_visit(node)
        node.body = [each for each in node.body if not _is_docstring(each)] or [ast.Pass()]
        return node


def _normalise(node: ast.AST) -> str:
    return ast.unparse(_WithoutDocstrings().visit(node))
