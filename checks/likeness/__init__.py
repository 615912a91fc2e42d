"""How alike two passages of a taxonomy are, and which passages of very many are alike to one."""
