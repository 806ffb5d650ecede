"""SGD of torch on a quadratic of one parameter, in float64."""

import numpy as np
import torch

CURVATURE = 3.0


def positions_by_torch(lr, momentum, *, nesterov, steps, curvature=CURVATURE):
    w = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=lr, momentum=momentum, nesterov=nesterov)
    values = [1.0]
    for _ in range(steps):
        optimizer.zero_grad()
        (curvature / 2 * w**2).sum().backward()
        optimizer.step()
        values.append(float(w.detach()))
    return np.array(values)
