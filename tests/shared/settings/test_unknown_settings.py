"""A setting that is mistyped is not ignored in silence."""

from structlog.testing import capture_logs

from renderq_shared.settings.unknown import warn_unknown_settings


def test_a_name_that_is_no_setting_is_told_with_the_one_that_is_meant() -> None:
    fine = ["RENDERQ_DURABILITY", "renderq_lease_seconds", "RENDERQ_DEVICE", "RENDERQ_API_KEY", "PATH"]
    with capture_logs() as told:
        warn_unknown_settings([*fine, "RENDERQ_DURABILTY", "RENDERQ_FSYNC"])
    assert [(each["name"], each.get("did_you_mean")) for each in told] == [
        ("RENDERQ_DURABILTY", "RENDERQ_DURABILITY"),
        ("RENDERQ_FSYNC", None),
    ]
