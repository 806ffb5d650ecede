"""Slices of a real task's loss: a plane through the space of its weights, and the ways of trainings beside it.

    plane          where it lies
    directions     along which: how the ways spread, how the loss bends, or anywhere
    sliced_loss    the losses on it as a landscape that balls roll down
    passage        trainings, and their weights on the way
    result         what was found
    slice_loss     all of it: ``surefoot.slice_loss``

Import from the modules.
"""
