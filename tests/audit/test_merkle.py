"""RFC 6962 and RFC 9162 section 2.1: the Certificate Transparency vectors, and forged proofs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.audit.merkle import (
    EMPTY,
    BadProof,
    Frontier,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    prove,
    root,
    subtrees,
    verify_consistency,
    verify_inclusion,
)

# The reference leaves and answers of the Certificate Transparency project's test suite.
LEAVES = [
    bytes.fromhex(h)
    for h in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = [  # (index, size, proof)
    (0, 1, []),
    (0, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]),
    (5, 8, [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (1, 5, [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]),
]  # fmt: skip
CONSISTENCY = [  # (old, new, proof)
    (1, 1, []),
    (1, 8, INCLUSION[1][2]),
    (6, 8, [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
    (2, 5, [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]),
    (6, 7, [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
]  # fmt: skip
HASHES = [leaf_hash(leaf) for leaf in LEAVES]

sizes = st.integers(1, 70)
pairs = sizes.flatmap(lambda new: st.tuples(st.integers(1, new), st.just(new)))
places = sizes.flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size)))
wounds = st.tuples(st.integers(0, 6), st.integers(0, 255))  # which hash, which bit


def numbered(size):
    return [leaf_hash(b"%d" % i) for i in range(size)]


def by_definition(hashes):
    """MTH, word for word as section 2.1 says it."""
    if len(hashes) < 2:
        return hashes[0] if hashes else EMPTY
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node_hash(by_definition(hashes[:k]), by_definition(hashes[k:]))


def reader(hashes):
    return lambda level, index: by_definition(hashes[index << level : (index + 1) << level])


def flip(proof, wound):
    which, bit = wound
    proof = list(proof)
    value = bytearray(proof[which % len(proof)])
    value[bit // 8] ^= 1 << bit % 8
    proof[which % len(proof)] = bytes(value)
    return proof


def test_the_empty_log_has_the_hash_of_nothing():
    assert root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size):
    assert root(HASHES[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_inclusion_proofs_are_those_of_certificate_transparency(index, size, proof):
    ours = prove(inclusion_ranges(index, size), reader(HASHES))
    assert [h.hex() for h in ours] == proof
    verify_inclusion(leaf=HASHES[index], index=index, size=size, proof=ours, root=bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new", "proof"), CONSISTENCY)
def test_consistency_proofs_are_those_of_certificate_transparency(old, new, proof):
    ours = prove(consistency_ranges(old, new), reader(HASHES))
    assert [h.hex() for h in ours] == proof
    roots = [bytes.fromhex(r) for r in ROOTS]
    verify_consistency(old=old, old_root=roots[old - 1], new=new, new_root=roots[new - 1], proof=ours)


@given(st.integers(0, 300))
def test_a_growing_frontier_has_the_root_that_the_definition_gives(size):
    assert root(numbered(size)) == by_definition(numbered(size))


@given(pairs)
def test_a_frontier_resumes_from_its_subtrees(pair):
    old, size = pair
    hashes = numbered(size)
    frontier = Frontier.of(old, [reader(hashes)(*place) for place in subtrees(0, old)])
    for level, index in subtrees(old, size):
        frontier.push(reader(hashes)(level, index), level)
    assert (frontier.size, frontier.root()) == (size, by_definition(hashes))


@given(st.integers(1, 200))
def test_a_frontier_reports_every_node_it_completes(size):
    hashes, frontier = numbered(size), Frontier()
    reported = [node for h in hashes for node in frontier.push(h)]
    assert sorted((level, index) for level, index, _ in reported) == [
        (level, i) for level in range(1, 9) for i in range(size >> level)
    ]
    assert all(h == reader(hashes)(level, index) for level, index, h in reported)


@given(places)
def test_every_leaf_is_provable(place):
    index, size = place
    hashes = numbered(size)
    proof = prove(inclusion_ranges(index, size), reader(hashes))
    verify_inclusion(leaf=hashes[index], index=index, size=size, proof=proof, root=root(hashes))


@given(pairs)
def test_every_prefix_is_provable(pair):
    old, new = pair
    hashes = numbered(new)
    proof = prove(consistency_ranges(old, new), reader(hashes))
    verify_consistency(old=old, old_root=root(hashes[:old]), new=new, new_root=root(hashes), proof=proof)


@given(places, wounds, st.integers(0, 80))
def test_no_forged_inclusion_proof_passes(place, wound, other_index):
    index, size = place
    hashes = numbered(size)
    right = {"leaf": hashes[index], "index": index, "size": size, "root": root(hashes)}
    proof = prove(inclusion_ranges(index, size), reader(hashes))
    forged = [
        {**right, "proof": [*proof, EMPTY]},
        {**right, "proof": [EMPTY, *proof]},
        {**right, "leaf": EMPTY, "proof": proof},
        {**right, "root": EMPTY, "proof": proof},
    ]
    if proof:
        forged += [{**right, "proof": flip(proof, wound)}, {**right, "proof": proof[1:]}]
    if other_index != index:
        forged.append({**right, "index": other_index, "proof": proof})
    for case in forged:
        with pytest.raises(BadProof):
            verify_inclusion(**case)


@given(pairs, wounds)
def test_no_forged_consistency_proof_passes(pair, wound):
    old, new = pair
    hashes = numbered(new)
    right = {"old": old, "old_root": root(hashes[:old]), "new": new, "new_root": root(hashes)}
    proof = prove(consistency_ranges(old, new), reader(hashes))
    rewritten = [leaf_hash(b"other"), *hashes[1:]]
    forged = [
        {**right, "proof": [*proof, EMPTY]},
        {**right, "old_root": root(rewritten[:old]), "proof": proof},
        {**right, "old": old + new, "proof": proof},
        {
            **right,
            "new_root": root(rewritten),
            "proof": prove(consistency_ranges(old, new), reader(rewritten)),
        },
    ]
    if proof:
        forged += [{**right, "proof": flip(proof, wound)}, {**right, "proof": proof[1:]}]
    for case in forged:
        with pytest.raises(BadProof):
            verify_consistency(**case)
