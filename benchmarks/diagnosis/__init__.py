"""The labelled benchmark: trainings whose fault was measured by trying every single change.

labels      what is wrong with each setting of a grid of trainings
"""
