"""How the one tree becomes a course: its labs as data, the regions a student fills in, and the starter made from them."""
