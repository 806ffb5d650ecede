"""How a training loss bends.

    mean_loss          the mean training loss over some batches, as a function of one vector
    sampled            the same over a sample of a task's training data, on a model of its own
    hessian            Hessian-vector products of any task's loss
    spectrum           the largest eigenvalues and their directions, from products alone
    sharpness          the top eigenvalue, at the start or at given parameters, preconditioned or not
    preconditioner     what Adam and RMSprop divide each parameter's step by
    step_sharpness     how a mini-batch's loss bends along its own gradient
    reach              the same along the step that an optimizer makes of that gradient
    noise_scale        the batch size at which noise and gradient weigh the same

Import from the modules.
"""
