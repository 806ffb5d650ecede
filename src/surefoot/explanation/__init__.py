"""The textbook's claims on learning rate and momentum, as experiments on the user's own network, or on a landscape.

    conduct      trains the survey: SGD over learning rate and momentum, others over learning rate, on several seeds
    survey       what it measured
    claims/      one claim a file: a pure function, survey -> Claim
    landscape    a surface in a network's place: balls for trainings, starts for seeds
    slices/      the loss on a plane of the weights, with trainings that go past it
    contrast     the table "learning rate | momentum" in this network's own numbers

Import from the modules.
"""
