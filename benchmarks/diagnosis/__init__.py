"""The labelled benchmark: trainings whose fault was measured by trying every single change.

tasks           what is trained, parted into tasks to fit on and tasks to score on
random_tasks    more tasks to fit on, drawn at random
generate        the grids of trainings, computed
labels          what is wrong with each setting of a grid of trainings
cases           the settings that a judge is asked about
curves          the log that a training of a grid would have left
fit             fits the judge of logs
verdicts        what ``check`` says
log_verdicts    what ``diagnose`` and its peers say
peers           other tools that judge logs
score           verdicts held against labels, advice against the grid
ceiling         how right a judge could be
report          all of that in tables
"""
