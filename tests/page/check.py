"""Checks of the page's modules: unit tests, then types against the OpenAPI document. `make page-check`.

Types need npm packages, which `make page-setup` installs. Without them that part is skipped; in CI it fails.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from renderq_api.app import create_app
from renderq_api.openapi.document import build_document
from renderq_api.page.site import FOLDER as FILES
from renderq_shared.settings import ApiSettings
from tests.page.node import FOLDER, PACKAGES, node

_GENERATED = FOLDER / "generated"


def main() -> int:
    node("--import", "./unit/register.js", "--test", "--test-reporter=dot", *sorted(FOLDER.glob("unit/*.test.js")))
    if not PACKAGES.exists():
        print("types of the web page are not checked: `make page-setup` installs the npm packages for it")
        return 1 if os.environ.get("CI") else 0
    check_vendored_files()
    write_api_types()
    node("node_modules/typescript/bin/tsc", "--project", ".")
    return 0


def check_vendored_files() -> None:
    """Compare the vendored modules with the packages. Exits if they differ."""
    imports = json.loads((FILES / "vendor" / "imports.json").read_text(encoding="utf-8"))
    originals = {
        "preact": "preact/dist/preact.mjs",
        "preact/hooks": "preact/hooks/dist/hooks.mjs",
        "htm": "htm/dist/htm.module.js",
        "@preact/signals": "@preact/signals/dist/signals.module.js",
        "@preact/signals-core": "@preact/signals-core/dist/signals-core.module.js",
    }
    for name, path in imports.items():
        if (FILES / path).read_bytes() != (PACKAGES / originals[name]).read_bytes():
            sys.exit(f"{path} differs from {originals[name]} of tests/page/package.json's version")


def write_api_types() -> None:
    """Write `api.d.ts`, unless it is that of the present document: one type per schema, under the schema's name."""
    with tempfile.TemporaryDirectory() as data:
        document = json.dumps(build_document(create_app(ApiSettings(data=Path(data)))))
    source = _GENERATED / "openapi.json"
    if source.exists() and source.read_text(encoding="utf-8") == document:
        return
    _GENERATED.mkdir(exist_ok=True)
    options = ("--root-types", "--root-types-no-schema-prefix", "--output", _GENERATED / "api.d.ts")
    source.write_text(document, encoding="utf-8")
    node("node_modules/openapi-typescript/bin/cli.js", source, *options)


if __name__ == "__main__":
    sys.exit(main())
