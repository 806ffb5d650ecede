"""Checking: is this recipe's learning rate and momentum right, judged by trials of its neighbours.

    neighbourhood      learning rate and momentum of a recipe, and the settings around it
    evidence           the trials so far, and what they say of full trainings
    signs              what a trial shows beside its loss
    stake              what a change is expected to save, and how sure that is
    judgement          stakes -> the verdict
    rounds             which trials are run next
    runner             runs them
    findings           the verdict in sentences
    quadratic          an optimizer on the quadratic model
    curvature_summary  curvature of the loss where the recipe's training ended
    result             what a check returns
    record             the same as data, for databases
    check              ``surefoot.check``

Import from the modules.
"""
