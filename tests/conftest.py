"""What all tests share."""

import os

# Tests run in as many processes as there are cores (see the Makefile); more threads would only get
# into each other's way. Processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
