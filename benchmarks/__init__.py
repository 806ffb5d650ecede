"""Measurements that hold surefoot against the alternatives; `make bench` runs them, RESULTS.md shows them.

regret      how good a recommendation is after how many trainings, beside the rivals
good_range  whether rates of the good range are good
deadline    a budget of seconds, asked and taken
cold_start  a whole process beside an import of torch
driver      the search's own time
memory      the peak of a study of 1000 trials
fleet       the cost of a config-step, beside a plain loop
diagnosis   how often `check` and `diagnose` are right
watch, watch_alarms, event_reader, claims, play
report      RESULTS.md and its figures from all these data
"""
