"""Who may import whom, and a few things that no file may do."""
from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from pipelines import data, registry

ROOT = Path(__file__).parents[1]
OURS = ("app", "pipelines", "weights", "storage", "tests")
# The folders of app/, each of which may know those before it; "" are the files that stand beside them.
IN_APP = ("", "device", "drawing", "models", "inspect", "grids", "evaluation", "gallery", "data_sets", "training", "lab", "service", "ui",
          "web", "cli")
CONTRACT = ("contract", "batches", "text", "tokenizer")       # of pipelines/data, what families know
KNOWN_TO = {"pipelines.engine": ("device", "drawing", "service"),
            "weights": ("", "device", "drawing", "data_sets", "models", "training", "service"),
            "storage": ("", "drawing", "inspect", "grids", "gallery", "service")}


@cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """All of a source text's syntax tree."""
    return tuple(ast.walk(ast.parse(source)))


def imports(source: str) -> Iterator[str]:
    """Every module that a source text imports, at any depth; `from a import b` counts as a.b too."""
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def folder_of(parts: list[str]) -> str:
    """Which of `IN_APP` a file or module is in, by the parts of its path below the project's root."""
    name = parts[1].removesuffix(".py")
    return name if name in IN_APP else ""


def allowed_data(parts: list[str], target: list[str]) -> bool:
    """Whether a file may import a part of `pipelines.data`: a data set is known by its contract to all but its own folder, and families
    are handed it."""
    if target[2:] and target[2] in data.NAMES:
        return parts[:3] == target[:3] or parts[0] == "tests"
    return parts[0] != "pipelines" or parts[1] not in registry.NAMES or target[2:3] != [] and target[2] in CONTRACT


def allowed(path: str, module: str) -> bool:
    """Whether the file at `path` (relative, with slashes) may import `module`."""
    parts, target = path.split("/"), module.split(".")
    if target[:2] == ["pipelines", "data"] and not allowed_data(parts, target):
        return False
    ours = target[0] in OURS
    if path == "launch.py":
        return target[0] in sys.stdlib_module_names
    if parts[0] == "pipelines":
        if (ours and target[0] != "pipelines") or target[0] in ("gradio", "sqlalchemy", "alembic", "fastapi"):
            return False
        if parts[1] == "engine":
            return not ours or target[1:2] in (["engine"], ["protocol"]) or module == "pipelines"
        if parts[1] in registry.NAMES and len(target) > 1 and target[1] in registry.NAMES:
            return target[1] == parts[1]
        return True
    if parts[0] == "weights":
        return not ours or target[0] in ("weights", "pipelines")
    if parts[0] == "storage":
        return not ours or target[0] == "storage"
    if parts[0] == "app":
        folder = folder_of(parts)
        if target[0] == "tests":
            return path == "app/cli/commands.py" and module.startswith("tests.bench")
        if target[0] == "app" and len(target) > 1:
            return IN_APP.index(folder_of(target)) <= IN_APP.index(folder)
        if folder == "ui" and ours and target[0] != "app":
            return module in ("pipelines", "pipelines.hub") or module.startswith(
                ("pipelines.data", "pipelines.options", "pipelines.request", "pipelines.family", "pipelines.registry", "pipelines.effects",
                 "pipelines.hub.about"))
        return all(folder in folders for part, folders in KNOWN_TO.items() if module == part or module.startswith(part + "."))
    return True


def files() -> list[Path]:
    return [ROOT / "launch.py", *(p for folder in OURS for p in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in p.parts)]


@pytest.mark.slow
def test_every_import_is_allowed() -> None:
    wrong = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        wrong += [f"{name} imports {module}" for module in imports(path.read_text(encoding="utf-8"))
                  if not allowed(name, module)]
    assert not wrong


@pytest.mark.parametrize(("path", "module"), [
    ("pipelines/protocol.py", "app.errors"), ("pipelines/engine/batch.py", "pipelines.nets.unet"),
    ("pipelines/gan/sampler.py", "pipelines.diffusion.sampler"), ("storage/store.py", "pipelines.protocol"),
    ("weights/load.py", "storage"), ("app/cli/commands.py", "storage"), ("app/ui/family.py", "pipelines.engine"),
    ("launch.py", "torch"), ("app/drawing/jobs.py", "app.grids.plan"), ("app/errors.py", "app.device.device"),
    ("app/evaluation/table.py", "weights.catalog"), ("pipelines/gan/family.py", "pipelines.data.dataset"),
    ("pipelines/flow/reflow.py", "pipelines.data.shapes.scenes"), ("app/evaluation/evaluate.py", "pipelines.data.shapes"),
    ("pipelines/metrics/frechet.py", "pipelines.data.shapes.features"), ("pipelines/training/loop.py", "gradio")])
def test_the_walker_finds_violations(path: str, module: str) -> None:
    assert not allowed(path, module)


def test_imports_inside_functions_are_seen() -> None:
    assert "storage.Storage" in set(imports("def f():\n    from storage import Storage\n"))


def test_functions_stay_small() -> None:
    long = [f"{path.relative_to(ROOT)}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
            for path in files() for node in nodes(path.read_text(encoding="utf-8"))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (node.end_lineno or 0) - node.lineno >= 80]
    assert not long


def test_files_are_safe() -> None:
    for path in files():
        text = path.read_text(encoding="utf-8")
        if path != Path(__file__):
            for word in ("torch.load(", "pickle.load", "trust_remote_code" + "=True"):
                assert word not in text, f"{path} contains {word}"


@pytest.mark.slow
def test_the_page_is_built_without_what_only_drawing_and_charts_need_whatever_proxies_are_set() -> None:
    """Nor writes stubs, for which the sources of the library's components would be parsed at each start, nor makes a server that another
    replaces; proxies that nobody could speak to, which made it fail, stay as they were set. What stands for a module that is not imported
    yet is that module when it is used."""
    import os
    import subprocess
    code = ("import ast, sys, tempfile; from pathlib import Path; from app.paths import Paths; from app.web.server import build_app\n"
            "parse, parsed = ast.parse, []\n"
            "ast.parse = lambda source, *more, **options: parsed.append(source) or parse(source, *more, **options)\n"
            "from app.ui import gradio\n"
            "create, made = gradio.routes.App.create_app, []\n"
            "gradio.routes.App.create_app = lambda *given, **named: made.append(given) or create(*given, **named)\n"
            "app, service = build_app(Paths(Path(tempfile.mkdtemp())), warm=False)\n"
            "late = {'torch', 'diffusers', 'transformers', 'scipy', 'skimage', 'pandas', 'typer', 'rich', 'matplotlib', 'altair'}\n"
            "print(len(late & set(sys.modules)), sum('(Component' in str(source) for source in parsed), len(made))\n"
            "import os\nprint(os.environ.pop('all_proxy'), 'no_proxy' in os.environ)\n"
            "import pandas\nfrom gradio import caching, deploy\nassert caching.pd.DataFrame is pandas.DataFrame\n"
            "try: deploy(nothing=0)\nexcept TypeError as error: print(error)")
    proxies = {"all_proxy": "socks5://h", "http_proxy": "magic://h", "HTTPS_PROXY": "http://[::1"}
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ | proxies)
    numbers, proxy, said = found.stdout.splitlines()[-3:]
    assert (numbers, proxy) == ("0 0 1", "socks5://h False") and "'nothing'" in said, found.stdout


def test_flags_are_read_without_what_a_command_runs_with() -> None:
    """Help, a flag that is wrong, also by what a command says of it, and a second start of the server, which opens the page of the first,
    need none of these."""
    import subprocess
    late = {"torch", "gradio", "sqlalchemy", "alembic", "huggingface_hub", "scipy", "PIL"}
    code = ("import sys, app.web.server; from app.cli.commands import main, parser\nparser().parse_args(['serve'])\n"
            "assert main(['evaluate', 'diffusion', '--seed', '5']) == 2\n"
            f"print(sorted({late!r} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_help_needs_the_standard_library_alone() -> None:
    """So that launch.py answers where nothing is installed yet."""
    import subprocess
    code = (f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom app.cli.commands import parser\n"
            "top = parser()\ntexts = [sub.format_help() for sub in (top, *top._subparsers._group_actions[0].choices.values())]\n"
            "print(all(text.startswith('usage: launch.py') for text in texts))")
    found = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)     # without any site-packages
    assert found.stdout == "True\n", found.stderr


@pytest.mark.slow
def test_networks_load_without_page_database_and_hub() -> None:
    """As on a machine that only trains: models and weights need none of these libraries until a pretrained model is asked for."""
    import subprocess
    absent = ("gradio", "sqlalchemy", "fastapi", "diffusers", "transformers", "torchsde", "huggingface_hub", "httpx2", "filelock", "peft")
    code = (f"import sys\nclass Absent:\n    def find_spec(self, name, path=None, target=None):\n"
            f"        if name.split('.')[0] in {absent!r}: raise ModuleNotFoundError(name)\n"
            "sys.meta_path.insert(0, Absent())\nimport weights.load, pipelines.registry, pipelines.hub.sampler\n"
            "for name in pipelines.registry.NAMES: pipelines.registry.family(name)\n"
            "import torch\nfrom weights import catalog\n"
            "for entry in catalog.entries(): weights.load.load(entry, torch.device('cpu'))\n"
            "assert 'torch._dynamo' not in sys.modules")                        # torch's compiler takes longer to import than a picture
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
