"""Find in a source what makes a score depend on more than its row, though every single name is allowed.

The order of a set is another one in each process, memory that was never written holds what was there, numpy reads some
texts as the present moment, and a setting of a thread or a module is not there in another one.
"""

import ast
from collections.abc import Iterator

Found = tuple[int, str]

_PRESENT = frozenset({"now", "today"})
_SETS = frozenset({"set", "frozenset"})
_SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})
# Functions whose result depends on the order of what they are given, and those for which it is all the same.
_IN_ORDER = frozenset({"list", "tuple", "enumerate", "iter", "next", "zip", "map", "filter", "sum", "fromkeys", "join"})
_IN_ORDER |= {"array", "asarray", "fromiter", "stack", "concatenate", "pop", "str", "repr", "format", "reduce"}
_IN_ORDER |= {"Counter", "OrderedDict", "accumulate", "batched", "chain", "combinations", "cycle", "deque", "extend"}
_IN_ORDER |= {"from_iterable", "groupby", "islice", "pairwise", "permutations", "product", "starmap", "zip_longest"}
_IN_ANY_ORDER = frozenset({"sorted", "any", "all", "min", "max", "len", *_SETS})
# Of these the first of equal elements counts, where a key says what is equal.
_BY_KEY = frozenset({"sorted", "min", "max"})
# Views of a dictionary, whose combinations are sets.
_VIEWS = frozenset({"keys", "items"})
# Numpy's reductions take `where=` without an array to write to.
_REDUCTIONS = frozenset({"all", "any", "max", "mean", "min", "prod", "std", "sum", "var"})
CONTEXTS = frozenset({"getcontext", "setcontext", "localcontext", "DefaultContext", "BasicContext", "ExtendedContext"})


def find_hidden_inputs(tree: ast.Module, modules: frozenset[str]) -> Iterator[Found]:
    """Yield line and description of each; `modules` are the names of imported modules, and of what they define."""
    foreign = {*modules}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name() | ast.Attribute() as value):
                foreign |= {name} if _root(value) in modules else set()
    yield from _ordered_sets(tree)
    yield from _present_moments(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), keywords=given):
                words = {each.arg for each in given}
                if "where" in words and "out" not in words and name.removeprefix("nan") not in _REDUCTIONS:
                    yield node.lineno, f"{name} with where= and without out= (other rows keep what the memory held)"
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()) if _root(node) in foreign:
                yield node.lineno, f"setting {_root(node)}.{name}"


def _present_moments(tree: ast.Module) -> Iterator[Found]:
    """Yield texts that numpy reads as the present moment, wherever they are not a category or a name."""
    given = {id(each) for node in ast.walk(tree) if isinstance(node, ast.Call) for each in ast.walk(node)}
    categories: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(annotation=part) | ast.arg(annotation=ast.expr() as part) | ast.Expr(value=part):
                categories |= {id(each) for each in ast.walk(part)} if not isinstance(part, ast.Call) else set()
            case ast.Subscript(slice=part):
                categories |= {id(each) for each in ast.walk(part)}
            case ast.Compare(left=left, comparators=others):
                parts = [left, *others]
                parts += [each for part in parts for each in getattr(part, "elts", ())]
                categories |= {id(each) for each in parts}
            case ast.Dict(keys=parts):
                categories |= {id(each) for each in parts}
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) if id(node) not in given:
                categories |= {id(each) for each in parts}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if text.strip().lower() in _PRESENT and id(node) not in categories:
                yield node.lineno, f'"{text}" as a time'


def _ordered_sets(tree: ast.Module) -> Iterator[Found]:
    """Yield where the order of a set counts: loops, lists, numbers of its elements."""
    named: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                named |= {name} if _is_set(value, named) else set()
                named |= {f"{name}[]"} if any(_is_set(each, named) for each in _elements(value)) else set()
            case ast.FunctionDef(name=name) if any(
                isinstance(each, ast.Return) and each.value and _is_set(each.value, named) for each in ast.walk(node)
            ):
                named.add(f"{name}()")
    unordered = {id(part) for node in ast.walk(tree) for part in _order_is_lost(node)}
    for node in ast.walk(tree):
        for part in _read_in_order(node):
            if _is_set(part, named) and id(node) not in unordered:
                yield part.lineno, f"the order of a set, {ast.unparse(part)[:60]}"


def _is_set(node: ast.expr, named: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in named
        case ast.Call(func=ast.Name(id=name)):
            return name in _SETS or f"{name}()" in named
        case ast.Call(func=ast.Attribute(attr=name, value=value)):
            return name in _SET_METHODS and _is_set(value, named)
        case ast.BinOp(left=left, right=right, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
            return any(_is_set(part, named) or _is_view(part) for part in (left, right))
        case ast.BoolOp(values=parts):
            return any(_is_set(part, named) for part in parts)
        case ast.IfExp(body=body, orelse=other):
            return _is_set(body, named) or _is_set(other, named)
        case ast.Subscript(value=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr="get", value=ast.Name(id=name))):
            return f"{name}[]" in named
    return False


def _is_view(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _VIEWS


def _elements(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.Dict(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return parts
    return []


def _order_is_lost(node: ast.AST) -> list[ast.AST]:
    """Return comprehensions whose order is lost again: in `sorted` for instance, or in another set."""
    match node:
        case ast.SetComp():
            return [node]
        case ast.Call(func=ast.Name(id=name), args=[part, *_]) if name in _IN_ANY_ORDER and not _has_key(node):
            return [part]
    return []


def _read_in_order(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.For(iter=part) | ast.Starred(value=part) | ast.FormattedValue(value=part) | ast.YieldFrom(value=part):
            return [part]
        case ast.Assign(targets=[ast.Tuple() | ast.List()], value=part):
            return [part]
        case ast.Call(func=ast.Name(id=name), args=[part, *_]) if name in _BY_KEY and _has_key(node):
            return [part]
        case ast.ListComp(generators=parts) | ast.GeneratorExp(generators=parts) | ast.DictComp(generators=parts):
            return [part.iter for part in parts]
        case ast.Call(func=ast.Name(id=name), args=parts) if name in _IN_ORDER:
            return parts
        case ast.Call(func=ast.Attribute(attr="pop", value=part)):
            return [part]
        case ast.Call(func=ast.Attribute(attr=name), args=parts) if name in _IN_ORDER:
            return parts
    return []


def _has_key(node: ast.Call) -> bool:
    return any(each.arg == "key" for each in node.keywords)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
