"""What a training is likely to end at, for settings and lengths that were not tried; search and checking share it."""
