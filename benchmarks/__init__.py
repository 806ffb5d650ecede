"""Measurements that hold surefoot against the alternatives; `make bench` runs them, RESULTS.md shows them.

grid      a dense grid of every task, kept as data: what is a good setting, and which tasks count
race      time to quality: surefoot and its rivals, whole processes in turn
honesty   what tunes promise, and what holds on fresh seeds
memory    the peak of a study of 1000 trials
report    RESULTS.md and its plots from all these data
fleet     the cost of a config-step, beside a plain loop
rungs     three ways to judge a setting early (ADR 0004)
"""
