"""Which modules load with another one."""

import pytest

from renderq_api.page.module_graph import static_imports

MODULES = {
    "main.js": 'import { x } from "./views/a.js";\nimport { b } from "lib";\nconst later = import("./later.js");',
    "views/a.js": 'import {\n  c,\n  d,\n} from "../c.js";\n/** @type {import("./types.js").T} */\nexport const a = 1;',
    "vendor/lib.js": 'import{e as f}from"deeper";import*as g from"./g.js";export{f,g};export*from"./h.js";',
    "vendor/deeper.js": "",
    "vendor/g.js": "",
    "vendor/h.js": "",
    "c.js": 'import "./side-effect.js";\nimport z from "./main.js";',
    "side-effect.js": 'export const text = `import { no } from "./no.js"`;',
}
NAMES = {"lib": "vendor/lib.js", "deeper": "vendor/deeper.js"}


def test_all_that_is_imported_statically_is_found_once_the_nearest_first() -> None:
    assert list(static_imports("main.js", MODULES.__getitem__, NAMES)) == [
        "main.js",
        "views/a.js",
        "vendor/lib.js",
        "c.js",
        "vendor/deeper.js",
        "vendor/g.js",
        "vendor/h.js",
        "side-effect.js",
    ]


def test_a_module_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        static_imports("main.js", {"main.js": 'import "./none.js"'}.__getitem__, {})
