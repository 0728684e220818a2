"""A mistyped setting is not ignored silently."""

from structlog.testing import capture_logs

from renderq_shared.settings import warn_unknown_settings


def test_an_unknown_name_is_logged_with_the_closest_setting() -> None:
    known = ["RENDERQ_DURABILITY", "renderq_lease_seconds", "RENDERQ_DEVICE", "RENDERQ_API_KEY", "PATH"]
    with capture_logs() as records:
        warn_unknown_settings([*known, "RENDERQ_DURABILTY", "RENDERQ_FSYNC"])
    assert [(record["name"], record.get("did_you_mean")) for record in records] == [
        ("RENDERQ_DURABILTY", "RENDERQ_DURABILITY"),
        ("RENDERQ_FSYNC", None),
    ]
