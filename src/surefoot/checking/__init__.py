"""``surefoot.check``: a recipe is checked by trials of its neighbours."""
