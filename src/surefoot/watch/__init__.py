"""Live judgement of a plain PyTorch loop that changes nothing in it.

    watch              Watch: what a loop calls after every optimizer step
    governor           how often it may look, so that it costs no more than its share of the time
    losses             the losses so far, in bounded memory
    updates            how far and where the weights moved, over three calls
    rates              what the optimizer's learning rate and momentum make of a gradient
    curvature          the reach of a step on the live batch, on a copy of the model
    samples, record    everything seen so far; goes into the user's checkpoint
    judge, faults      record -> finding
    relapses           how often the loss rose again by itself
    steadiness         a verdict counts once it stays
    reaction           tell, warn, stop, or lower the rate
    lowered_rate       a learning rate lowered under any schedule
    arguments          what can be watched, and the one line for what cannot

Import from the modules; ``surefoot.Watch`` is the way in.
"""
