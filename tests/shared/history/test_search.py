"""One list of searches that every database answers alike."""

import pytest

from renderq_shared.history import History, HistoryFilter, parse_search
from renderq_shared.history.search import MAX_SEARCH_WORDS, words
from tests.shared.history.ended_jobs import ended_job

PROMPTS = {
    "job_01": ("a red circle on a blue background", ""),
    "job_02": ("A RED square, Café-style, 3d-render", "blurry"),
    "job_03": ("straße im Regen; don't stop", "red"),
    "job_04": ("黑猫 sits, かわいい", ""),
    "job_05": ("red", "circle on"),
    "job_06": ("AND OR NOT (weird:1.2) * \"quoted\" 'it' \\ % _", ""),
    "job_07": ("x" * 3_000 + " end", ""),
    "job_08": ("", ""),
    "job_09": ("Привет МИР ﬁn № 5", ""),
}

SEARCHES = {
    "red": ["job_05", "job_03", "job_02", "job_01"],
    "RED circle": ["job_05", "job_01"],
    '"red circle"': ["job_01"],
    '"circle red"': [],
    '"a blue"': ["job_01"],
    '"circle on a" red': ["job_01"],
    '"circle on': ["job_05", "job_01"],
    "cafe": ["job_02"],
    "CAFÉ": ["job_02"],
    "cafe-style": ["job_02"],
    "style-cafe": [],
    "3d": ["job_02"],
    "strasse": ["job_03"],
    "don't": ["job_03"],
    "blurry": ["job_02"],
    "re": [],
    "猫": ["job_04"],
    "黑猫": ["job_04"],
    "猫黑": [],
    "and or": ["job_06"],
    "not": ["job_06"],
    "red OR blue": [],
    "-red": ["job_05", "job_03", "job_02", "job_01"],
    "red*": ["job_05", "job_03", "job_02", "job_01"],
    "1.2": ["job_06"],
    "quoted' it": ["job_06"],
    "x" * 3_000: ["job_07"],
    "end": ["job_07"],
    "мир привет": ["job_09"],
    "fin": ["job_09"],
    "no 5": ["job_09"],
    "tenant": [],
    "ada": [],
}


async def test_searches_find_the_same_jobs_in_every_database(history: History) -> None:
    jobs = [ended_job(job_id, prompt=p, negative_prompt=n) for job_id, (p, n) in PROMPTS.items()]
    await history.archive([*jobs, ended_job("job_99", tenant="bob", prompt="red circle")])
    found = {
        text: [job.id for job in (await history.page("ada", HistoryFilter(search=parse_search(text)), 100)).records]
        for text in SEARCHES
    }
    assert found == SEARCHES


async def test_a_phrase_does_not_reach_from_the_prompt_into_the_negative_prompt(history: History) -> None:
    await history.archive([ended_job("job_a", prompt="one two", negative_prompt="three")])
    assert (await history.page("ada", HistoryFilter(search=parse_search('"two three"')), 9)).records == ()


async def test_a_search_follows_a_changed_and_a_deleted_job(history: History) -> None:
    search = HistoryFilter(search=parse_search("circle"))
    await history.archive([ended_job("job_a"), ended_job("job_b")])
    await history.annotate("ada", "job_a", labels=["x"])
    await history.delete("ada", "job_b")
    assert [job.id for job in (await history.page("ada", search, 9)).records] == ["job_a"]


@pytest.mark.parametrize("tenant", ['te"am', "team one", "words : x"])
async def test_a_tenant_with_any_name_searches_its_own_jobs(history: History, tenant: str) -> None:
    await history.archive([ended_job("job_a", tenant=tenant), ended_job("job_b", tenant="one")])
    page = await history.page(tenant, HistoryFilter(search=parse_search("circle")), 9)
    assert [job.id for job in page.records] == ["job_a"]


@pytest.mark.parametrize("text", ["", "  ", '""', "-", "...", "🎨", "a " * (MAX_SEARCH_WORDS + 1)])
def test_a_search_without_words_or_with_too_many_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_search(text)


def test_words_are_split_without_case_and_accents() -> None:
    assert words("Café №5: ĞÜ, ｆｕｌｌ 猫が_b") == ("cafe", "no5", "gu", "full", "猫", "が", "b")
