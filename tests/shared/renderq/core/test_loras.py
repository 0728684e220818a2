"""The forms in which programs and people write LoRAs."""

import pytest

from renderq import Client, InvalidArgument, InvalidRequest
from renderq._core.loras import lora_fields
from renderq.contract import LoraOptions
from renderq.testing import FakeService

INK = {"name": "ink", "weight": 0.8}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("ink", [{"name": "ink"}]),
        ("ink:0.8", [INK]),
        (["ink:0.8", "oil"], [INK, {"name": "oil"}]),
        (["ink:1:0.5"], [{"name": "ink", "weight": 1.0, "text_encoder_weight": 0.5}]),
        ({"ink": 0.8, "oil": 1}, [INK, {"name": "oil", "weight": 1}]),
        ([INK], [INK]),
        ((each for each in ["ink:0.8"]), [INK]),
        ([], []),
    ],
)
def test_every_form_is_a_list_of_the_request(given: object, sent: list[object]) -> None:
    assert lora_fields(given) == sent


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, 'loras takes a list of "NAME", "NAME:WEIGHT" or dictionaries'),
        (b"ink", "not bytes"),
        ("ink:much", "'ink:much': a weight is a number, such as 0.8"),
        (["a:1:2:3"], "'a:1:2:3' is not NAME, NAME:WEIGHT or NAME:WEIGHT:TEXT_ENCODER_WEIGHT"),
        ([":1"], "':1' is not NAME"),
    ],
)
def test_what_is_none_is_refused_before_it_is_sent(given: object, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message.replace("(", r"\(")):
        lora_fields(given)


def test_a_job_and_a_batch_send_them(server: FakeService) -> None:
    with Client(server.url) as client:
        [lora] = client.submit("a red circle", loras=["ink:0.8"]).job.request["loras"]
        assert lora == {**INK, "text_encoder_weight": 0.8, "revision": "1"}
        batch = client.batches.create([{"prompt": "x", "loras": {"ink": 1}}])
        [job] = client.jobs.list(batch=batch.id)
        assert job.request["loras"][0]["weight"] == 1
        [lora] = client.submit("x", loras=[LoraOptions(name="ink", weight=0.5)]).job.request["loras"]
        assert (lora["weight"], lora["text_encoder_weight"]) == (0.5, 0.5)


def test_a_lora_that_the_model_does_not_have_is_refused(server: FakeService) -> None:
    with Client(server.url) as client, pytest.raises(InvalidRequest) as refused:
        client.submit("a red circle", loras=["ink", "oil"])
    assert [error.pointer for error in refused.value.errors] == ["/loras/1/name"]
