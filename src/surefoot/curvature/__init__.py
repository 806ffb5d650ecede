"""How a training loss bends.

    hessian        Hessian-vector products of any task's loss
    sharpness      the Hessian's top eigenvalue, at the start or at given parameters

Import from the modules.
"""
