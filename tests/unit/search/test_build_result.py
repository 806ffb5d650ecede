from surefoot.optimizers import RULES
from surefoot.search.build_result import unknown_momentum_notes


class Silent(RULES["sgd"]):
    """SGD as a plugin that does not say what its momentum does."""

    sums_gradients = None


def test_what_a_plugin_does_not_say_of_its_momentum_is_a_note(monkeypatch):
    monkeypatch.setattr("surefoot.search.build_result.RULES", {**RULES, "silent": Silent})
    assert [*unknown_momentum_notes(["sgd", "adamw", "adagrad"])] == []
    (note,) = unknown_momentum_notes(["sgd", "silent"])
    assert note.startswith("whether momentum of silent sums or averages past gradients is not known: ")
