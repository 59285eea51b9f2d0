"""mmengine changes a config only after its variables have been used; here before."""

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine.config import config as mmengine_config


@contextmanager
def changed_variables(changes: Mapping[str, object]) -> Iterator[None]:
    """Make ``Config.fromfile`` change variables at the place where a file assigns them.

    A change is repeated behind each assignment of its variable at the top of a file, be it a base
    or not, so that what follows sees the new value. Pure Python configs (``read_base``) and other
    formats are read as always.

    Args:
        changes: Plain values by key, for example ``{'codec.input_size': (96, 128)}``.
    """
    original = mmengine_config.RemoveAssignFromAST
    mmengine_config.RemoveAssignFromAST = (
        lambda key: _Change(original(key), changes))
    try:
        yield
    finally:
        mmengine_config.RemoveAssignFromAST = original


class _Change:
    """In the place of what mmengine passes the tree of each file through before it is run."""

    def __init__(self, before: ast.NodeTransformer, changes: Mapping[str, object]) -> None:
        self.before = before
        self.changes = changes

    def visit(self, module: ast.Module) -> ast.Module:
        module = self.before.visit(module)
        module.body = [each for statement in module.body for each in (
            statement, *(_change(key, value) for key, value in self.changes.items()
                         if key.partition('.')[0] in _assigned(statement)))]
        return ast.fix_missing_locations(module)


def _assigned(statement: ast.stmt) -> set[str]:
    """The variables that a statement assigns."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [
        statement.target] if isinstance(statement, (ast.AnnAssign, ast.AugAssign)) else []
    return {node.id for target in targets for node in ast.walk(target)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _change(key: str, value: object) -> ast.stmt:
    """``a.0.b=1`` as ``a[0]['b'] = 1``, which does nothing where a file has only part of ``a``."""
    name, *keys = key.split('.')
    target: ast.expr = ast.Name(name, ast.Load() if keys else ast.Store())
    for i, each in enumerate(keys, 1):
        index = ast.Constant(int(each) if each.isdigit() else each)
        target = ast.Subscript(target, index, ast.Store() if i == len(keys) else ast.Load())
    attempt = ast.parse('try: pass\nexcept (KeyError, IndexError, TypeError): pass').body[0]
    assert isinstance(attempt, ast.Try)
    attempt.body = [ast.Assign([target], _literal(value))]
    return attempt


def _literal(value: Any) -> ast.expr:
    if isinstance(value, (list, tuple)):
        kind = ast.List if isinstance(value, list) else ast.Tuple
        return kind([_literal(each) for each in value], ast.Load())
    if isinstance(value, Mapping):
        return ast.Dict([_literal(k) for k in value], [_literal(v) for v in value.values()])
    return ast.Constant(value)
