"""The model that a tenant has chosen."""

from renderq_shared.jobs import JobStore, commands


def chosen(store: JobStore, tenant: str = "ada") -> str | None:
    return store.call(commands.chosen_model(tenant))


def test_a_choice_is_each_tenants_own_and_the_last_one_counts(store: JobStore) -> None:
    assert chosen(store) is None
    for model in ("shapes", "other", "other"):
        store.call(commands.choose_model("ada", model))
    store.call(commands.choose_model("bob", "shapes"))
    assert (chosen(store), chosen(store, "bob")) == ("other", "shapes")


def test_a_purge_deletes_it(store: JobStore) -> None:
    for tenant in ("ada", "bob"):
        store.call(commands.choose_model(tenant, "shapes"))
    assert store.call(commands.complete_purge(store.call(commands.start_purge("ada"))))
    assert (chosen(store), chosen(store, "bob")) == (None, "shapes")
