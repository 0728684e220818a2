"""Scheduling policy as properties, under any submissions, cancellations, failures and out-of-memory retries."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from renderq_worker.engine import GenerationSpec, Stage
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.failure import Failure
from renderq_worker.engine.generation import EncodedImage, Generation
from renderq_worker.engine.plan import BatchLimit, StepPlan, StepResult
from renderq_worker.engine.scheduler import Scheduler
from tests.worker.engine.engine_harness import SPEC, with_changes

FAILURE = Failure("internal", "on purpose", retryable=False)
STEPS_MAX = 150


def generation(number: int, **changes: object) -> Generation:
    spec: GenerationSpec = with_changes(SPEC, **{"id": str(number)} | changes)
    return Generation.from_spec(spec, BatchKey(spec.model, "1", spec.width, spec.height))


def _encoded(generation: Generation) -> EncodedImage:
    return EncodedImage(generation.spec.sampling.steps, generation.spec.rows)


def done(plan: StepPlan, *, but: frozenset[str] = frozenset()) -> StepResult:
    advanced = tuple(id for id in plan.ids if id not in but)
    return StepResult(plan, 0.1, advanced, dict.fromkeys(but, FAILURE), encoded=_encoded(plan.generations[0]))


def batch_limit_for(lead: Generation) -> BatchLimit:
    """Three unguided images or two guided ones fit; wide images do not mix the two."""
    return {64: BatchLimit(3, 4), 128: BatchLimit(4, 4, allows_mixed_guidance=False)}[lead.key.width]


STEPS = st.one_of(st.integers(1, 6), st.integers(1, STEPS_MAX))


class Policy(RuleBasedStateMachine):
    """Submissions, cancellations and operations in any order; two models, of which one fits into memory."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler()
        self.submitted: dict[str, Generation] = {}
        self.ended: list[str] = []
        self.resident: set[str] = set()

    @property
    def in_flight(self) -> list[str]:
        return [id for id in self.submitted if id not in self.ended]

    @rule(
        count=st.integers(1, 6),
        steps=STEPS,
        guidance=st.sampled_from([1.0, 5.0]),
        width=st.sampled_from([64, 128]),
        model=st.sampled_from(["a", "b"]),
    )
    def submit(self, count: int, steps: int, guidance: float, width: int, model: str) -> None:
        for _ in range(count):
            new = generation(len(self.submitted), steps=steps, guidance_scale=guidance, width=width, model=model)
            self.scheduler.add(new)
            self.submitted[new.spec.id] = new

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(list(self.submitted)))
        assert self.scheduler.cancel([id, "unknown"]) == ((id,) if id in self.in_flight else ())
        if id in self.in_flight:
            self.ended.append(id)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), times=st.integers(1, 40))
    def operate(self, data: st.DataObject, times: int) -> None:
        for _ in range(times):
            plan = self.scheduler.plan(batch_limit_for, self.resident)
            if plan is None:
                return
            self.check(plan)
            if plan.stage is Stage.LOADING_MODEL:
                self.resident = {plan.model}
            self.apply_outcome(data.draw(st.sampled_from(["done", "done", "done", "retry", "failure"])), plan)

    def check(self, plan: StepPlan) -> None:
        assert set(plan.ids) <= set(self.in_flight)
        assert len(set(plan.ids)) == len(plan.ids)
        if plan.stage is Stage.LOADING_MODEL:
            assert plan.model not in self.resident
            assert {each.spec.model for each in plan.generations} == {plan.model}
            return
        assert plan.model in self.resident
        assert {each.stage for each in plan.generations} == {plan.stage}
        limit, [key] = batch_limit_for(plan.generations[0]), {each.key for each in plan.generations}
        assert key.model == plan.model
        if plan.stage is not Stage.DENOISING:
            assert len(plan.ids) == 1
            return
        rows = sum(each.spec.rows for each in plan.generations)
        assert len(plan.ids) == 1 or (rows <= limit.rows and len(plan.ids) <= limit.generations)
        assert limit.allows_mixed_guidance or len({each.spec.rows for each in plan.generations}) == 1
        self.check_that_no_other_fits(plan, limit, limit.rows - rows)

    def check_that_no_other_fits(self, plan: StepPlan, limit: BatchLimit, rows_left: int) -> None:
        lead, others = plan.generations[0], [self.submitted[id] for id in self.in_flight if id not in plan.ids]
        for each in others if len(plan.ids) < limit.generations else ():
            is_compatible = each.key == lead.key and (limit.allows_mixed_guidance or each.spec.rows == lead.spec.rows)
            assert not is_compatible or each.stage is Stage.DECODING or each.spec.rows > rows_left

    def apply_outcome(self, outcome: str, plan: StepPlan) -> None:
        result = done(plan)
        if outcome == "failure":
            result = done(plan, but=frozenset(plan.ids[:1]))
        if outcome == "retry":
            result = StepResult(plan)
        self.scheduler.update(result)
        if plan.stage is Stage.DECODING:
            self.ended.extend(result.advanced)
        self.ended.extend(result.failures)

    @invariant()
    def every_generation_ends_once(self) -> None:
        assert len(set(self.ended)) == len(self.ended)
        assert len(self.scheduler) == len(self.in_flight)

    def teardown(self) -> None:
        """Finish all generations without further submissions."""
        for _ in range((STEPS_MAX + 3) * len(self.in_flight) + 1000):
            plan = self.scheduler.plan(batch_limit_for, self.resident)
            if plan is None:
                break
            if plan.stage is Stage.LOADING_MODEL:
                self.resident = {plan.model}
            self.apply_outcome("done", plan)
        assert not self.in_flight


TestPolicy = Policy.TestCase
TestPolicy.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def run(scheduler: Scheduler, limit: BatchLimit) -> StepPlan:
    plan = scheduler.plan(lambda _: limit, {"tiny"})
    assert plan is not None
    scheduler.update(done(plan))
    return plan


AGING = 8
"""Operations of waiting that equal one operation of work."""

LOAD_WORK = 32
"""Operations of work that equal the loading of a model."""


@settings(max_examples=60, deadline=None)
@given(
    long=st.integers(5, STEPS_MAX),
    short=st.integers(1, 8),
    crowd=st.integers(1, 6),
    limit=st.sampled_from([BatchLimit(1, 2), BatchLimit(8, 8), BatchLimit(8, 8, allows_mixed_guidance=False)]),
    others=st.sampled_from([{}, {"width": 128}, {"guidance_scale": 1.0}, {"model": "other"}]),
)
def test_waiting_is_bounded_however_many_short_ones_keep_coming(
    long: int, short: int, crowd: int, limit: BatchLimit, others: dict[str, object]
) -> None:
    scheduler, resident = Scheduler(), {"other" if "model" in others else "tiny"}
    scheduler.add(generation(0, steps=long))
    load = LOAD_WORK if "model" in others else 0
    bound = AGING * (long + 2 + load) + (crowd + 1) * (short + 2) + long + 3
    for tick in range(1, bound + 1):
        while len(scheduler) <= crowd:
            scheduler.add(generation(tick * 100 + len(scheduler), steps=short, **others))
        plan = scheduler.plan(lambda _: limit, resident)
        assert plan is not None
        if plan.stage is Stage.LOADING_MODEL:
            resident = {plan.model}
        scheduler.update(done(plan))
        if plan.stage is Stage.DECODING and plan.ids == ("0",):
            return
    raise AssertionError(f"not finished after {bound} operations")


def test_a_generation_to_be_decoded_makes_no_further_step() -> None:
    scheduler, finished, waiting = Scheduler(), generation(0, steps=5), generation(1, steps=50)
    for each in (finished, waiting):
        each.record_encoded(_encoded(each), 0.1)
        scheduler.add(each)
    finished.step, waiting.ticks_waited = 5, 1000
    assert run(scheduler, BatchLimit(8, 8)).ids == ("1",)


def test_the_shortest_remaining_work_goes_first() -> None:
    scheduler = Scheduler()
    for number, steps in enumerate([30, 4, 10]):
        scheduler.add(generation(number, steps=steps))
    order = [plan.ids for _ in range(50) if (plan := run(scheduler, BatchLimit(1, 2))).stage is Stage.DECODING]
    assert order == [("1",), ("2",), ("0",)]


def test_a_newcomer_is_encoded_before_the_batch_goes_on() -> None:
    scheduler = Scheduler()
    scheduler.add(generation(0, steps=30))
    for _ in range(3):
        run(scheduler, BatchLimit(8, 8))
    scheduler.add(generation(1, steps=30))
    assert run(scheduler, BatchLimit(8, 8)).stage is Stage.ENCODING
    assert set(run(scheduler, BatchLimit(8, 8)).ids) == {"0", "1"}


def test_a_newcomer_whose_calls_may_be_of_the_same_kind_is_encoded_before_the_batch_goes_on() -> None:
    """It counts with the rows of those calls, here one, whatever its guidance."""
    scheduler, lead = Scheduler(), generation(0, steps=30)
    lead.record_encoded(EncodedImage(30, rows=1, denoiser_call="kind"), 0.1)
    scheduler.add(lead)
    for number, kind in ((1, "kind"), (2, "another")):
        newcomer = generation(number, steps=30)
        scheduler.add(newcomer)
        plan = scheduler.plan(lambda _: BatchLimit(8, 8, allows_mixed_guidance=False), {"tiny"})
        assert plan == StepPlan(Stage.ENCODING, (newcomer,))
        newcomer.record_encoded(EncodedImage(30, rows=1, denoiser_call=kind), 0.1)
    plan = scheduler.plan(lambda _: BatchLimit(8, 8, allows_mixed_guidance=False), {"tiny"})
    assert plan is not None
    assert plan.ids == ("0", "1")


def test_cancel_frees_the_row() -> None:
    scheduler = Scheduler()
    for number in range(3):
        scheduler.add(generation(number, steps=5))
    for _ in range(3):
        first = run(scheduler, BatchLimit(2, 4))
    assert first.ids == ("0", "1")
    scheduler.cancel(["0"])
    run(scheduler, BatchLimit(2, 4))  # encodes the third
    assert run(scheduler, BatchLimit(2, 4)).ids == ("1", "2")


def test_a_model_that_is_not_in_memory_waits_for_short_work_and_not_for_long() -> None:
    scheduler = Scheduler()
    scheduler.add(generation(0, steps=10, model="b"))
    for number, steps in enumerate([10 + LOAD_WORK - 1, 10 + LOAD_WORK + 1], start=1):
        scheduler.add(generation(number, steps=steps))
        plan = scheduler.plan(lambda _: BatchLimit(8, 8), {"tiny"})
        assert plan is not None
        assert plan.ids == {1: ("1",), 2: ("0",)}[number]
        scheduler.cancel([str(number)])


def test_two_models_that_do_not_fit_together_do_not_take_turns_at_every_step() -> None:
    scheduler = Scheduler()
    scheduler.add(generation(0, steps=60, model="a"))
    scheduler.add(generation(1, steps=60, model="b"))
    resident: set[str] = set()
    loads = operations = 0
    while plan := scheduler.plan(lambda _: BatchLimit(8, 8), resident):
        if plan.stage is Stage.LOADING_MODEL:
            resident, loads = {plan.model}, loads + 1
        scheduler.update(done(plan))
        operations += 1
    assert loads <= 2 + operations / AGING / LOAD_WORK
