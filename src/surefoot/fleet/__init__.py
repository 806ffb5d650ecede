"""Many members trained together as one vectorised program, from one seed."""
