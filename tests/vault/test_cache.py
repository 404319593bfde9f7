from kyc.vault.cache import CachedKey, KeyCache

PLACE = ("tnt_a", "applicant:app_a")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_key_is_forgotten_after_its_time():
    clock = Clock()
    cache = KeyCache(ttl=60, clock=clock)
    cache.put(PLACE, CachedKey("dky_a", b"k" * 32))
    clock.now += 59
    assert cache.get(PLACE).id == "dky_a"
    clock.now += 1
    assert cache.get(PLACE) is None and len(cache) == 0


def test_use_does_not_prolong_a_key():
    """Else a busy applicant's key would outlive its destruction in other processes for ever."""
    clock = Clock()
    cache = KeyCache(ttl=60, clock=clock)
    cache.put(PLACE, CachedKey("dky_a", b"k" * 32))
    for _ in range(3):
        clock.now += 25
        cache.get(PLACE)
    assert cache.get(PLACE) is None


def test_the_least_recently_used_key_makes_room():
    cache = KeyCache(size=2)
    for name in "ab":
        cache.put(("t", name), CachedKey(name, b""))
    cache.get(("t", "a"))
    cache.put(("t", "c"), CachedKey("c", b""))
    assert cache.get(("t", "b")) is None
    assert cache.get(("t", "a")) and cache.get(("t", "c"))


def test_an_evicted_key_is_gone():
    cache = KeyCache()
    cache.put(PLACE, CachedKey("dky_a", b"k" * 32))
    cache.evict(PLACE)
    assert cache.get(PLACE) is None


def test_a_key_never_shows_in_a_log_line():
    assert "secret" not in repr(CachedKey("dky_a", b"secret" * 5))
