"""The judging of logs: what went wrong in a training that is over.

    judged_curve   the curve of a log that is judged
    traits         what a log's curve is like, in numbers
    likeness       which fault such a curve looks like
    log_findings   the same in sentences
    diagnosed      what a diagnosis found
    diagnose       ``surefoot.diagnose``

Import from the modules.
"""
