"""What `import kit` does not import."""

from __future__ import annotations

import subprocess
import sys

import pytest

_DEAR = ("contextlib", "dataclasses", "enum", "inspect", "pathlib", "queue", "re", "typing")


@pytest.mark.parametrize("dispatcher", ["python", ""])
def test_import_loads_nothing_dear_of_the_standard_library(dispatcher):
    """Without `site`, so that nothing is there because the environment wanted it."""
    code = (
        "import sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        f"import os; os.environ['KIT_DISPATCH'] = {dispatcher!r}\n"
        "import kit\n"
        "kit.marker('m', n=int).connect(print).disconnect()\n"
        f"print(*[name for name in {_DEAR!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
