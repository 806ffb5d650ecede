"""Landscapes of one and two dimensions, and descent on them with the library's own update rules.

    surface            what a landscape is
    noise              what mini-batches do to a gradient
    quadratics         bowl, ravine, noisy bowl
    wells              double well, plateau, cliff
    saddle             a saddle between two valleys
    valleys            Rosenbrock, Beale
    many_minima        Himmelblau, Rastrigin
    gallery            all of them by name
    descent            recipes let loose on a surface
    events             what happened on the way: overshoot, oscillation, divergence, escape, arrival

Import from the modules.
"""
