"""``python -m gancompress``."""

import sys

from gancompress.cli import main

sys.exit(main())
