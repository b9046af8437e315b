#!/bin/bash
# Python scripts in tests/ and quant/ name only what the modules beside them have: `from X import a` and `X.a` where X.py
# lies in the same folder. Nothing is imported or run, so what the scripts need otherwise need not be installed.
# Arguments: the nibble program, the source folder, the build folder.
set -euo pipefail
cd "$2"
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
python3 - <<'END'
import ast, glob, os, sys

def names(tree):
    """What a module defines, in whatever branch of its outermost level."""
    inside = {id(node) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.ClassDef))
              for child in ast.iter_child_nodes(f) for node in ast.walk(child)}
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)

files = [f for room in ("tests", "quant") for f in glob.glob(f"{room}/**/*.py", recursive=True)]
trees = {f: ast.parse(open(f, encoding="utf-8").read(), f) for f in files}
known = {f: set(names(tree)) for f, tree in trees.items()}
looked = wrong = 0
for file, tree in trees.items():
    uses, modules = [], {}  # uses: line, module, name
    beside = lambda module: os.path.join(os.path.dirname(file), f"{module}.py")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            uses += [(node.lineno, beside(node.module), alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            modules.update({alias.asname or alias.name: beside(alias.name) for alias in node.names})
    uses += [(node.lineno, modules[node.value.id], node.attr) for node in ast.walk(tree)
             if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules]
    for line, module, name in uses:
        looked += module in known
        if module in known and name not in known[module] and name != "*":
            wrong += 1
            print(f"{file}:{line}: {module} has no {name}")
print(f"{len(files)} scripts, {looked} names of modules beside them, {wrong} missing")
sys.exit(wrong > 0 or not looked)
END
