"""The play page: a server for this machine alone, and what it answers.

    serve      finds a port and runs until it is stopped
    app        which address answers what
    guard      who may ask, and what a refusal looks like
    query      the numbers and names in an address, bounded
    dials      a recipe as sliders, and sliders turned
    hill       surfaces and the balls on them
    plane      learning rate and momentum on the quadratic model
    workshop   a schedule in its parts, its curve and its code
    database   what tunes and checks were written to
    studies    its studies, also while they grow
    checks     its checks, each with its report
    static/    the page itself: it draws, and computes nothing that it draws

Import from the modules.
"""
