"""How a supernet learns from a teacher."""
