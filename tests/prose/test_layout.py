"""The layout of the package: who imports whom, how long things are, and that importing does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "proxy3d"
FILES = sorted(PACKAGE.rglob("*.py"))
STAGES = ("clips", "features", "points", "proxies", "tokens", "answers", "spacespan", "evaluation", "apps")
SHARED = {"proxy3d.values", "proxy3d.geometry", "proxy3d.errors", "proxy3d.extras", "proxy3d.english", "proxy3d.device"}
CONNECTS = {  # may import any stage, each for a reason
    "pipeline": "is the connection",
    "verbs": "one function per verb, from paths to JSON",
    "weights": "rebuilds the learned parts of several stages from one file",
    "doctor": "looks at everything that can be missing",
    "cli": "reads flags into options of the stages",
    "cli_flags": "is where those flags stand",
    "training": "trains proxies, tokens and answers together on rooms of spacespan",
    "evaluation": "runs the pipeline on rooms of spacespan (its metrics may not)",
}
# module -> what it may import besides, and why. Add to this list only with a reason.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "proxy3d.features.geometric.predicted": {
        "proxy3d.points.scale": "how sure a guessed metre is, and what an unknown unit is taken for, is said in one place",
    },
    "proxy3d.features.geometric.embedded": {
        "proxy3d.points.scale": "how sure a guessed metre is, is said in one place",
        "proxy3d.tensor_file": "its own weights are read and written as all others are",
    },
    "proxy3d.answers.objects": {"proxy3d.tokens.project": "scene tokens are a learned part, not a value: naming objects trains them and runs them"},
    "proxy3d.answers.session": {"proxy3d.tokens.project": "SceneNumbers is the arrow into the learned parts: a scene as they read it"},
    "proxy3d.answers.batch": {"proxy3d.tokens.project": "SceneNumbers is the arrow into the learned parts: a scene as they read it"},
    "proxy3d.answers.sequence": {
        "proxy3d.tokens.project": "SceneNumbers is the arrow into the learned parts: a scene as they read it",
        "proxy3d.tokens.identity": "its words have the names that tokens carry",
    },
    "proxy3d.answers.scene_tokens": {
        "proxy3d.tokens.project": "SceneNumbers is the arrow into the learned parts: a scene as they read it",
        "proxy3d.tokens.position": "how many place numbers there are",
    },
    "proxy3d.answers.language_models.causal": {"proxy3d.features.pretrained": "models of transformers are known by their numbers everywhere"},
    "proxy3d.answers.language_models.published": {"proxy3d.features.pretrained": "what somebody else publishes is loaded by one set of rules"},
    "proxy3d.answers.paper": {
        "proxy3d.tokens.project": "SceneNumbers is the arrow into the learned parts: a scene as they read it",
        "proxy3d.tokens.identity": "its words have the names that tokens carry",
        "proxy3d.tokens.position": "places are told as the first camera sees them",
    },
    "proxy3d.answers.paper_session": {
        "proxy3d.tokens.project": "SceneNumbers is the arrow into the learned parts: a scene as they read it",
        "proxy3d.tokens.identity": "which name each proxy of a scene carries",
    },
    "proxy3d.answers.measured": {"proxy3d.tokens.position": "measures between things with the numbers that describe pairs of proxies"},
    "proxy3d.answers.judge": {"proxy3d.tokens.position": "measures between things with the numbers that describe pairs of proxies"},
    "proxy3d.answers.fusion": {
        "proxy3d.tokens.project": "is made of the same two layers, Attend and Feed, as the scene tokens it fuses",
        "proxy3d.tokens.position": "words stand where their proxies are, so pairs of them are described by the same numbers",
    },
}
LONGEST_FUNCTION = 80
LONGEST_FILE = 400


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(file: Path) -> set[str]:
    """Modules of ours that a file imports, anywhere in it; those under TYPE_CHECKING are words, not imports."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree(file)):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # `from proxy3d import scene_file` imports a module, `from proxy3d.values import Box` does not.
            found |= {f"proxy3d.{alias.name}" for alias in node.names} if node.module == "proxy3d" else {node.module}
    return {name for name in found if name == "proxy3d" or name.startswith("proxy3d.")}


def trespasses(file: Path) -> list[str]:
    name = module_name(file)
    stage = name.split(".")[1] if "." in name else ""
    if stage not in STAGES or (stage in CONNECTS and not name.startswith("proxy3d.evaluation.metrics")):
        return []
    allowed = EXCEPTIONS.get(name, {})
    return [
        other for other in sorted(imported(file)) if other not in SHARED and other not in allowed and not f"{other}.".startswith(f"proxy3d.{stage}.")
    ]


def test_stages_do_not_know_each_other():
    found = {module_name(file): bad for file in FILES if (bad := trespasses(file))}
    assert not found, found


def test_every_exception_to_the_import_rule_is_still_needed():
    files = {module_name(file): file for file in FILES}
    for module, allowed in EXCEPTIONS.items():
        unused = set(allowed) - imported(files[module])
        assert not unused, f"{module} no longer imports {unused}"
        assert all(len(reason) > 10 for reason in allowed.values())


def test_the_import_rule_sees_what_it_should(tmp_path):
    """The rule itself, on a file that breaks it in the two ways there are."""
    source = "from proxy3d import scene_file\ndef f():\n    from proxy3d.answers.boxes import merge_votes\n"
    file = tmp_path / "x.py"
    file.write_text(source)
    assert imported(file) == {"proxy3d.scene_file", "proxy3d.answers.boxes"}


def test_every_module_opens_with_one_sentence():
    wrong = []
    for file in FILES:
        first = (ast.get_docstring(tree(file)) or "").split("\n\n")[0]
        if not first or "\n" in first or len(first) > 160 or first.startswith("This module") or not first.rstrip().endswith((".", "arguments.")):
            wrong.append(f"{module_name(file)}: {first[:80]!r}")
    assert not wrong, wrong


def functions(file: Path) -> list[tuple[str, ast.FunctionDef, bool]]:
    """(qualified name, node, is public) of all functions and methods, nested ones included."""
    found = []

    def visit(node: ast.AST, path: tuple[str, ...], public: bool, inside_function: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                shown = public and not inside_function and not child.name.startswith("_")
                found.append((".".join((*path, child.name)), child, shown))
                visit(child, (*path, child.name), shown, True)
            elif isinstance(child, ast.ClassDef):
                visit(child, (*path, child.name), public and not child.name.startswith("_"), inside_function)
            else:
                visit(child, path, public, inside_function)

    visit(tree(file), (), True, False)
    return found


def code_lines(file: Path, first: int = 1, last: int | None = None) -> int:
    """Lines holding code: no blank lines, comments or docstrings."""
    skip = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            skip |= set(range(node.lineno, node.end_lineno + 1))
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    return sum(1 for n, line in lines if first <= n <= (last or n) and n not in skip and line.strip() and not line.strip().startswith("#"))


def test_no_function_and_no_file_is_too_long():
    long = [
        f"{module_name(file)}.{name}: {size} lines"
        for file in FILES
        for name, node, _ in functions(file)
        if node.end_lineno - node.lineno >= LONGEST_FUNCTION and (size := code_lines(file, node.lineno, node.end_lineno)) >= LONGEST_FUNCTION
    ]
    long += [f"{module_name(file)}: {size} code lines" for file in FILES if (size := code_lines(file)) > LONGEST_FILE]
    assert not long, long


# Methods whose meaning is fixed elsewhere: by Python, by torch.nn.Module, or by the class that holds them.
SELF_EXPLAINING = {"forward", "named_parameters", "loss", "main"}
A_NAME_IS_ENOUGH = 4  # lines: of `def volume(thing): return product of its sizes` a docstring would only repeat the name


def is_small_property(node: ast.FunctionDef) -> bool:
    """A property of a line or two says in its name what it is."""
    words = {ast.unparse(d) for d in node.decorator_list}
    return bool(words & {"property", "cached_property"}) and node.end_lineno - node.lineno < 12


def test_public_functions_are_documented_and_annotated():
    bare = []
    for file in FILES:
        for name, node, public in functions(file):
            own = name.rsplit(".", 1)[-1]
            if not public:
                continue
            small = node.end_lineno - node.lineno < A_NAME_IS_ENOUGH or is_small_property(node) or documented_class(file, name)
            if ast.get_docstring(node) is None and own not in SELF_EXPLAINING and not small:
                bare.append(f"{module_name(file)}.{name}: no docstring")
            if node.returns is None:
                bare.append(f"{module_name(file)}.{name}: no return annotation")
    assert not bare, bare


def documented_class(file: Path, name: str) -> bool:
    """Short methods of a documented class may do without a docstring of their own."""
    owner, _, method = name.rpartition(".")
    if not owner:
        return False
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ClassDef) and node.name == owner:
            body = next(n for n in node.body if getattr(n, "name", "") == method)
            return ast.get_docstring(node) is not None and body.end_lineno - body.lineno < 25
    return False


@pytest.mark.parametrize("word", ["utils", "util", "common", "misc", "core", "base", "manager", "helpers"])
def test_nothing_is_hidden_in_a_drawer(word):
    assert not [module_name(f) for f in FILES if word in f.relative_to(PACKAGE).with_suffix("").parts]


def fresh(code: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_help_imports_nothing_heavy():
    code = (
        "import sys, io, contextlib\nfrom proxy3d.cli import main\nwith contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    status = main(['--help'])\nassert status == 0 and 'encode' in out.getvalue()\n"
        "print([m for m in ('torch', 'numpy', 'transformers', 'scipy', 'PIL', 'av') if m in sys.modules])"
    )
    assert fresh(code) == "[]"


def test_importing_has_no_effect():
    """Not on the random state, warnings, signals, environment, working folder or output; and not one stage is imported by it."""
    code = (
        "import os, random, signal, sys, warnings\n"
        "def state():\n    return random.getstate(), list(warnings.filters), signal.getsignal(signal.SIGINT), dict(os.environ), os.getcwd()\n"
        "before = state()\nimport proxy3d\nassert state() == before\n"
        "print([m for m in sys.modules if m.startswith('proxy3d.')])"
    )
    assert fresh(code) == "[]"


@pytest.mark.slow
def test_importing_torch_parts_seeds_nothing_and_sets_no_threads():
    code = (
        "import torch\nbefore = torch.get_rng_state().clone(), torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()\n"
        "import proxy3d.pipeline, proxy3d.verbs, proxy3d.training.recipes\n"
        "after = torch.get_rng_state(), torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()\n"
        "print(bool((before[0] == after[0]).all()) and before[1:] == after[1:])"
    )
    assert fresh(code) == "True"
