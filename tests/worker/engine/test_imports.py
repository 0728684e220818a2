"""Imports: torch, which takes seconds to import, is loaded only for a real device."""

import subprocess
import sys

SCRIPT = """
import sys
from renderq_worker import engine
from renderq_worker.process import startup
for name in engine.__all__:
    if name != "Engine":
        getattr(engine, name)
assert "torch" not in sys.modules
engine.Engine
assert "torch" in sys.modules
"""


def test_a_worker_without_a_real_device_never_imports_torch() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
