from kyc.core.ids import looks_like, new_id


def test_ids_say_what_they_are_and_sort_by_age():
    ids = [new_id("vrf") for _ in range(2000)]
    assert all(looks_like("vrf", i) for i in ids)
    assert len(set(ids)) == 2000
    stamps = [i[4:13] for i in ids]
    assert stamps == sorted(stamps)


def test_nothing_else_looks_like_one():
    assert not looks_like("vrf", new_id("app"))
    assert not looks_like("vrf", "vrf_" + "u" * 26)
    assert not looks_like("vrf", "vrf_1")
