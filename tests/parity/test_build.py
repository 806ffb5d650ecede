"""What ``recipe.build`` returns trains as the update rule does, and resumes in mid-training."""

import copy
import io

import pytest
import torch
from tests.parity.network import Network, batches, flat, loss_function, train_by_rule, train_in_loop

from surefoot.recipe.recipe import Recipe

STEPS = 60
TEXTS = [
    "sgd(lr=0.1, momentum=0.9)",
    "sgd(lr=cosine(0.3, warmup=5%), momentum=linear(0.5, final=0.95), nesterov=true, weight_decay=1e-3, clip=0.5)",
    "sgd(lr=0.1, momentum=linear(0, final=0.9), nesterov=true)",
    "sgd(lr=onecycle(0.3), momentum=onecycle(0.85, start=0.95, final=0.95), dampening=0.1, lr_factor=head:0.1)",
    "sgd(lr=0.1, momentum=0.9 for 50% then 0 for 10% then 0.5, weight_decay=linear(0.1), no_decay=bias+norm)",
    "rmsprop(lr=cosine(0.01), momentum=linear(0, final=0.9))",
    "rmsprop(lr=0.01, momentum=0.8 for 20 then 0 for 20 then 0.9, centered=true, eps=1e-3, decay_factor=head:0)",
    "adagrad(lr=wsd(0.1), lr_decay=0.01, initial_accumulator=0.1, weight_decay=0.01)",
    "adadelta(lr=cosine(2), rho=linear(0.9, final=0.99))",
    "adam(lr=step(0.01), beta1=linear(0.9, final=0), beta2=0.95, amsgrad=true, clip=1)",
    "adamw(lr=wsd(0.01, warmup=5%, decay=20%), beta1=0.9, beta2=linear(0.9, final=0.99), no_decay=bias+norm)",
    "nadam(lr=triangular(0.01), beta1=linear(0.95, final=0.8), momentum_decay=0.01)",
    "lion(lr=cosine(0.003), beta1=linear(0.95, final=0.8), weight_decay=linear(0.3), lr_factor=body:0.5, clip=1)",
    "muon(lr=cosine(0.02, warmup=5%), momentum=linear(0.5, final=0.95), beta2=linear(0.9, final=0.99), clip=1)",
    "muon(lr=0.01, nesterov=false, eps=1e-4, weight_decay=linear(0.3), no_decay=bias+norm, lr_factor=body:0.5)",
    "adafactor(lr=cosine(0.1), beta2_decay=linear(-0.9, final=-0.5), eps2=linear(0.1, final=0.01), d=2)",
    "adafactor(lr=0.05, eps1=1e-3, weight_decay=linear(0.3), no_decay=bias+norm, lr_factor=head:0.1, clip=1)",
]


def built(recipe, model):
    optimizer, scheduler = recipe.build(model, steps=STEPS)
    return optimizer, lambda _: None, scheduler.step


@pytest.mark.parametrize("text", TEXTS)
def test_the_built_optimizer_trains_as_the_rule(text):
    recipe = Recipe.parse(text)
    theirs = train_in_loop(lambda model: built(recipe, model), steps=STEPS)
    ours = train_by_rule([recipe], steps=STEPS)[:, 0]
    assert (ours - theirs).abs().max() < 1e-12
    assert (ours[-1] - flat(Network())).norm() > 0.05


def train_on(model, optimizer, scheduler, data):
    for inputs, targets in data:
        optimizer.zero_grad()
        loss_function(model(inputs), targets).backward()
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("scheduler_first", [True, False])
@pytest.mark.parametrize("text", TEXTS)
def test_a_training_resumes_from_files_bit_for_bit(text, scheduler_first):
    recipe, data = Recipe.parse(text), [*batches(STEPS)]
    model = Network()
    optimizer, scheduler = recipe.build(model, steps=STEPS)
    train_on(model, optimizer, scheduler, data[:25])
    file = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict(), scheduler.state_dict()], file)
    train_on(model, optimizer, scheduler, data[25:])

    file.seek(0)
    of_model, of_optimizer, of_scheduler = torch.load(file, weights_only=True)
    resumed = Network(seed=99)
    resumed.load_state_dict(of_model)
    optimizer2, scheduler2 = recipe.build(resumed, steps=STEPS)
    if scheduler_first:
        scheduler2.load_state_dict(of_scheduler)
    optimizer2.load_state_dict(of_optimizer)
    if not scheduler_first:
        scheduler2.load_state_dict(of_scheduler)
    assert scheduler2.get_last_lr() == pytest.approx([group["lr"] for group in optimizer2.param_groups], abs=0)
    train_on(resumed, optimizer2, scheduler2, data[25:])
    assert torch.equal(flat(resumed), flat(model))


def test_the_scheduler_sets_what_the_schedules_say_from_the_first_step_on():
    recipe = Recipe.parse("adam(lr=linear(0.1), beta1=linear(0.9, final=0.5), weight_decay=0.1, lr_factor=head:10)")
    optimizer, scheduler = recipe.build(Network(), steps=4)
    seen = []
    for _ in range(5):
        seen.append([(g["lr"], g["betas"], g["weight_decay"]) for g in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    assert [each[0][0] for each in seen] == pytest.approx([0.1, 0.075, 0.05, 0.025, 0.0])
    assert [each[1][0] for each in seen] == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0])
    assert [each[0][1][0] for each in seen] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5])
    assert {each[0][1][1] for each in seen} == {0.999}
    assert {each[0][2] for each in seen} == {0.1}


def test_two_builds_on_copies_do_not_touch_each_other():
    recipe, model = Recipe.parse("lion(lr=0.01)"), Network()
    other = copy.deepcopy(model)
    optimizer, scheduler = recipe.build(model, steps=5)
    recipe.build(other, steps=5)
    train_on(model, optimizer, scheduler, batches(5))
    assert torch.equal(flat(other), flat(Network()))
    assert not torch.equal(flat(model), flat(other))


def test_a_closure_and_parameters_without_gradients_are_taken():
    model = Network()
    for text in ("lion(lr=0.01)", "sgd(lr=0.1, clip=1)", "rmsprop(lr=0.01, momentum=linear(0, final=0.9))"):
        optimizer, scheduler = Recipe.parse(text).build(model.body.parameters(), steps=5)
        inputs, targets = next(batches(1))

        def closure():
            loss = loss_function(model(inputs), targets)  # noqa: B023  (called at once)
            model.zero_grad()
            loss.backward()
            model.body[0].bias.grad = None
            return loss

        bias, weight = model.body[0].bias.clone(), model.body[0].weight.clone()
        assert optimizer.step(closure).item() > 0
        scheduler.step()
        assert torch.equal(model.body[0].bias, bias)
        assert not torch.equal(model.body[0].weight, weight)
