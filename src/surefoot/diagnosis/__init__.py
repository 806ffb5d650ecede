"""The judge: is this learning rate and momentum right, and what to change.

    finding        a verdict with its evidence, confidence and advice
    settings       learning rate and momentum of a recipe, and the changes of one of them
    inquiry        which changes are tried, and how far each is trained
    foresight      what the trainings tried say of those that were not
    improvement    the best that a change of one knob can do
    course         the recipe's own training, looked at on its way
    forks          trains them, all on the same luck
    judgement      what was measured -> the verdict
    symptoms       what a training's own curves show
    quadratic      an optimizer on the quadratic model
    curved         how the loss bends where the training ended
    checked        what a check found
    record         the same as data, for databases
    check          ``surefoot.check``
    judged_curve   the curve of a log that is judged
    traits         what a log's curve is like, in numbers
    likeness       which fault such a curve looks like
    log_findings   the same in sentences
    diagnosed      what a diagnosis found
    diagnose       ``surefoot.diagnose``

Import from the modules.
"""
