"""``surefoot.check``: a recipe is judged by trials of its neighbours."""
