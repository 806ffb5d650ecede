"""What theory says about learning rate and momentum: pure functions, one concept a file.

    linear_method     heavy ball, Nesterov and Adam on a quadratic: what a gradient does to velocity and position
    convergence       the exact rate, whether the error oscillates or diverges, steps to a tolerance
    optimum           the best learning rate and momentum, the critical momentum, lr / (1 - momentum)
    stability         the largest stable learning rate of full-batch descent
    noisy_quadratic   the exact limit and the noise floor where gradient and curvature are noisy

Import from the modules.
"""
