"""What is trained: the Task, its data, and the ways to load one.

    names          the built-in tasks, listed without importing torch
    loader         TASK text -> Task
    task           the Task itself;  probe: does it run?
    luck           everything random in its training, from one seed
    split          its data, from whatever a user holds;  batches: in which order they are seen
    tabular        tables and CSV files -> Task
    builtin/       one family of data sets a file

Import from the modules; this file stays empty so that ``surefoot.tasks.names`` costs nothing.
"""
