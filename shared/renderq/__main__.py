"""`python -m renderq` runs the `renderq` command."""

import sys

from renderq.cli import main

sys.exit(main())
