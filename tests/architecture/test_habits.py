"""Habits that every file keeps: length, docstrings, tests that do not sleep, nothing of anybody's machine."""

import ast
import re
from collections.abc import Iterator
from typing import Any

FUNCTION_LINES = 60
FILE_LINES = 400
TEST_FILE_LINES = 500  # a table of cases is longer than what it checks

# What is longer, and why.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}

SLEEP_SECONDS = 0.1
# Where time that passes is the subject of the test.
SLEEPERS = {
    "test_long_body_keeps_its_event": "a subscriber that works longer than the bus waits",
    "test_a_consumer_that_is_gone_is_waited_for_without_haste": "the processor time of a while is measured",
}

# Written so that this file does not match itself.
FOREIGN = {
    "a path of somebody's machine": r"(?<![\w.])/(wor[k]|roo[t]|hom[e]|User[s])/\w",
    "a local package folder": r"/opt/(pyp[i]|wheel[s])",
    "a package registry": r"\b(pyp[i]\.org|pythonhoste[d]\.org|registry\.npmj[s]\.org|proxy\.golan[g]\.org)",
    "a container registry": r"\b(docke[r]\.io|ghc[r]\.io|qua[y]\.io|gc[r]\.io)\b",
    "the number of an issue": r"\b(issues?|tickets?|pull requests?|fixes|closes|refs) ?[#]\d",
    "how the code came about": (
        r"\b(helper agen[t]s?|sub-?agen[t]s?|AI[- ]generate[d]|language mode[l]s?|Claud[e]|Anthropi[c]|ChatGP[T]"
        r"|Copilo[t]|the lea[d] commits|other helper[s]|this conversatio[n])\b"
    ),
}


def _functions(module: Any) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in module.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_function_is_too_long_to_read(source: Any) -> None:
    findings: list[str] = []
    for module in source.modules():
        for node in _functions(module):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES and f"{module.path}:{node.name}" not in LONG_FUNCTIONS:
                findings.append(module.at(node, f"{node.name} has {lines} lines; {FUNCTION_LINES} are allowed"))
    assert not findings, "\n".join(findings)


def test_no_file_holds_a_second_subject(source: Any) -> None:
    findings: list[str] = []
    for module in source.modules():
        allowed = TEST_FILE_LINES if module.path.startswith("tests/") else FILE_LINES
        lines = module.text.count("\n")
        if lines > allowed and module.path not in LONG_FILES:
            findings.append(f"{module.path}: {lines} lines, {allowed} are allowed: look for the second subject")
        if lines <= allowed and module.path in LONG_FILES:
            findings.append(f"{module.path}: {lines} lines now; take it off LONG_FILES")
    assert not findings, "\n".join(findings)


def test_what_is_public_says_what_it_promises(source: Any) -> None:
    findings = [
        module.at(node, f"{node.name} has no docstring")
        for module in source.modules("contracts/", "services/", "client/")
        for node in _public(module.tree)
        if not ast.get_docstring(node)
    ]
    assert not findings, "\n".join(findings)


def _public(scope: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in scope.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if any(ast.unparse(decorator).endswith(("overload", ".setter")) for decorator in node.decorator_list):
            continue
        yield node
        if isinstance(node, ast.ClassDef):
            yield from _public(node)


def test_tests_poll_with_a_deadline_instead_of_sleeping(source: Any) -> None:
    findings: list[str] = []
    for module in source.modules("tests/"):
        passed = {
            id(part) for function in _functions(module) if function.name in SLEEPERS for part in ast.walk(function)
        }
        for node, name in module.calls():
            if id(node) not in passed and (
                name == "time.sleep" or (name.endswith("sleep") and _seconds(node) > SLEEP_SECONDS)
            ):
                findings.append(module.at(node, f"{ast.unparse(node)}: poll with `eventually`, or pass the time in"))
    assert not findings, "\n".join(findings)


def _seconds(call: ast.Call) -> float:
    given = call.args[0] if call.args else None
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, int | float) else 0


def test_no_file_mentions_anybodys_machine_or_workplace(source: Any) -> None:
    findings: list[str] = []
    for path in source.paths:
        for number, line in enumerate((source.text(path) or "").splitlines(), start=1):
            for what, pattern in FOREIGN.items():
                if found := re.search(pattern, line):
                    findings.append(f"{path}:{number}: {what}: {found[0]}")
    assert not findings, "\n".join(findings)
