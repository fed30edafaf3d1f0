"""Any module as a weight-sharing supernet, and what a subnet of it costs."""
