from surefoot.cli.report_and_resume import repeat_command


def test_defaults_are_left_out_however_old_the_study_is():
    for stored in ("end", "final"):
        assert repeat_command("tune", "wine", settings={"judge": stored}, names=["judge"]) == "surefoot tune wine"
    assert (
        repeat_command("tune", "wine", settings={"judge": "best"}, names=["judge"])
        == "surefoot tune wine --score-at best"
    )


def test_lists_and_flags_and_scripts():
    settings = {"compare": ["sgd(lr=1)", "adam()"], "transfer": True, "script": ["python", "my train.py"]}
    command = repeat_command("tune", None, settings=settings, names=["compare", "transfer"])
    assert command == "surefoot tune --compare 'sgd(lr=1)' --compare 'adam()' --transfer -- python 'my train.py'"
