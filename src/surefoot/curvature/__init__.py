"""Curvature of a training loss from products with its Hessian: sharpness, spectrum and gradient noise."""
