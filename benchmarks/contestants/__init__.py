"""What rivals are made of: a plain training loop, the space that they search, optimizers and range tests.

Every rival is used as its documentation recommends.
"""
