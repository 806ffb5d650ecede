"""What theory says about learning rate and momentum: pure functions, one concept a file.

    stability      the largest stable learning rate of full-batch descent on a quadratic
    small_batch    the prior for training on mini-batches, which is no theorem

Import from the modules.
"""
