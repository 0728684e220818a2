"""Causes of an outage are logged once each."""

from renderq_shared.outage import Outage


def test_each_cause_is_new_once_until_the_outage_ends() -> None:
    outage = Outage()
    refused = "Error 111 connecting to 127.0.0.1:51234: refused"
    assert [outage.has_new_cause(error) for error in (refused, refused, "OOM", refused, "OOM")] == [
        *(True, False, True, False, False)
    ]
    assert (outage.end(), outage.end()) == (True, False)
    assert outage.has_new_cause(refused)


def test_ids_ports_and_durations_make_no_other_cause() -> None:
    outage = Outage()
    script = "full script: 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567, on @user_script:12"
    assert outage.has_new_cause(ConnectionError(script))
    assert not outage.has_new_cause(ConnectionError(script.replace("0a1b2c", "ffffff").replace(":12", ":9")))
    assert not outage.has_new_cause(ConnectionError("full script: on @user_script:7"))
    assert outage.has_new_cause(TimeoutError(script))


def test_an_error_after_a_steady_time_begins_another_outage() -> None:
    outage = Outage(steady_s=0.0)
    assert [outage.has_new_cause("refused") for _ in range(2)] == [True, True]


def test_causes_without_end_are_not_all_logged() -> None:
    outage = Outage()
    assert sum(outage.has_new_cause("x" * length) for length in range(1_000)) < 10
