"""Who says which code, read off the workers' sources.

A handler says the codes of the functions that it leads to. Functions are followed by their names: through the modules
that a file imports, and where a method is called, to all methods of that name in the same service and in the contracts.
So a method's name can lead to one too many; it never leads to one too few, as long as codes are written out.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from contracts.messages import REGISTRY
from contracts.registry import Message
from contracts.routes import request_type

ROOT = Path(__file__).parents[1]
SERVICES = ("billing", "domain", "mailbox", "dnscheck")
SPEAKERS = ("refuse", "finding")  # contracts.refusals: what they are given first is a code
NOT_SPEAKING = ("codes", "remedies", "samples", "sample_parts", "sample_invoices")  # they name codes, nobody is refused
Occasion = Literal["request", "question", "fact", "clock"]
OCCASIONS: dict[str, Occasion] = {"command": "request", "query": "question", "event": "fact", "timer": "clock"}


class Saying(NamedTuple):
    """A worker may say a code while it handles this; `name` is the request's, question's, fact's or wake-up's."""

    service: str
    occasion: Occasion
    name: str


@dataclass
class Function:
    """A function, a method, or a value that names some: what it leads to and which codes stand in it."""

    leads_to: set[str] = field(default_factory=set[str])
    methods: set[str] = field(default_factory=set[str])  # called by name, on something whose type is not known here
    codes: set[str] = field(default_factory=set[str])
    heard: list[tuple[Occasion, str]] = field(default_factory=list[tuple[Occasion, str]])


@cache
def sayings() -> dict[str, tuple[Saying, ...]]:
    """Return for each code that a worker's own handlers may say which do, in the order of services and names."""
    found: dict[str, set[Saying]] = {}
    shared = _functions("contracts")
    for service in SERVICES:
        functions = shared | _functions(f"services/{service}")
        methods = _by_method(functions)
        for function in functions.values():
            codes = _reached(functions, methods, function) if function.heard else set[str]()
            for code in codes:
                found.setdefault(code, set()).update(Saying(service, *heard) for heard in function.heard)
    order = {service: number for number, service in enumerate(SERVICES)}
    return {code: tuple(sorted(who, key=lambda s: (order[s.service], *s[1:]))) for code, who in found.items()}


@cache
def spoken(module: str) -> frozenset[str]:
    """Return the codes that stand in a module or package, such as `services.chassis`, whoever leads to them."""
    folder = "/".join(module.split(".")[:2] if module.startswith("services") else ["contracts"])
    inside = (
        function for name, function in _functions(folder).items() if name.startswith((f"{module}.", f"{module}:"))
    )
    return frozenset(code for function in inside for code in function.codes)


def heard_by(service: str) -> frozenset[tuple[Occasion, str]]:
    """Return what the handlers of a service are registered for, as far as their decorators say."""
    return frozenset(heard for function in _functions(f"services/{service}").values() for heard in function.heard)


def _by_method(functions: dict[str, Function]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in functions:
        if "." in name.partition(":")[2]:
            found.setdefault(name.rpartition(".")[2], []).append(name)
    return found


def _reached(functions: dict[str, Function], by_method: dict[str, list[str]], start: Function) -> set[str]:
    seen, waiting, codes = set[str](), [start], set[str]()
    while waiting:
        function = waiting.pop()
        codes |= function.codes
        methods = (name for method in function.methods for name in by_method.get(method, ()))
        for name in {*function.leads_to, *methods} - seen:
            seen.add(name)
            if name in functions:
                waiting.append(functions[name])
    return codes


# --- one file -----------------------------------------------------------------------------------------------------


@cache
def _functions(folder: str) -> dict[str, Function]:
    """Return a folder's functions by `module:name`, methods by `module:Class.name`."""
    found: dict[str, Function] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        if path.stem not in NOT_SPEAKING:
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found |= dict(_of_file(module, ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _of_file(module: str, tree: ast.Module) -> Iterator[tuple[str, Function]]:
    known = _imported(tree) | {name: f"{module}:{name}" for node in tree.body for name in _names_of(node)}
    for node in tree.body:
        for name in _names_of(node):
            if isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                        yield f"{module}:{name}.{method.name}", _read(method, known)
            else:
                yield f"{module}:{name}", _read(node, known)


def _names_of(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return what imported names stand for: `module:name`, which is also how a module is named inside its package."""
    return {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def _read(node: ast.stmt, known: dict[str, str]) -> Function:
    function = Function()
    body: list[ast.AST] = [node]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        body = [*node.body, *node.decorator_list]  # what a wake-up observes first is named in its decorator
        function.heard = [heard for each in node.decorator_list if (heard := _heard(each, node.name))]
    for each in (inner for part in body for inner in ast.walk(part)):
        match each:
            case ast.Call(func=ast.Name(id=speaker) | ast.Attribute(attr=speaker), args=[first, *_]) if (
                speaker in SPEAKERS
            ):
                function.codes |= set(_texts(first))
            case ast.Name(id=name) if name in known:
                function.leads_to.add(known[name])
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in known:
                function.leads_to.add(f"{known[name].replace(':', '.')}:{attribute}")
                function.methods.add(attribute)
            case ast.Attribute(attr=attribute):
                function.methods.add(attribute)
            case _:
                pass
    return function


def _texts(node: ast.expr) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def _heard(decorator: ast.expr, function: str) -> tuple[Occasion, str] | None:
    """Return what a handler's decorator registers it for: `@service.command(CreateMailbox, ...)`."""
    match decorator:
        case ast.Call(func=ast.Attribute(attr=kind), args=[first, *_]) if kind in OCCASIONS:
            occasion = OCCASIONS[kind]
            return occasion, _name_of(first.id) if isinstance(first, ast.Name) and occasion != "clock" else function
        case _:
            return None


def _name_of(model: str) -> str:
    message = _messages()[model]
    if message.kind == "cmd":  # a hand-over has its request's name
        return request_type(message.type).split(".")[1]
    return message.name


@cache
def _messages() -> dict[str, Message]:
    return {message.model.__name__: message for message in REGISTRY.all()}
