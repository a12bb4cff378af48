"""The two worlds: deterministic, and kept apart."""

from __future__ import annotations

import re

import numpy as np

from e2lm.suites.miniature.worlds import CHOICES, options, science_mixture, science_world, web_only, web_world

DOCUMENTS = 2000


def test_the_same_seed_writes_the_same_corpora() -> None:
    for corpus in (science_mixture, web_only):
        first = corpus(np.random.default_rng(3), 50)
        assert corpus(np.random.default_rng(3), 50) == first
        assert corpus(np.random.default_rng(4), 50) != first


def test_the_web_corpus_holds_no_science_fact() -> None:
    lines = "\n".join(web_only(np.random.default_rng(0), DOCUMENTS)).splitlines()
    words = [set(re.findall(r"[A-Za-z]+", line)) for line in lines]
    facts = {about[0].subject: {fact.value for fact in about} for about in science_world().facts}
    mentioned = [(line, facts[word]) for line in words for word in line & facts.keys()]
    assert mentioned  # the names do occur, in small talk
    assert not any(line & values for line, values in mentioned)


def test_the_science_mixture_tells_facts_of_both_worlds() -> None:
    text = "\n".join(science_mixture(np.random.default_rng(0), 5 * DOCUMENTS))
    for world in (science_world(), web_world()):
        assert all(re.search(rf"About {about[0].subject}: .*{about[0].value}", text) for about in world.facts)


def test_laws_hold_for_every_subject() -> None:
    for about in science_world().facts:
        values = {fact.relation.noun: fact.value for fact in about}
        for fact in about:
            if fact.relation.follows:
                law = fact.relation.law.format(cause=values[fact.relation.follows], value=fact.value)
                assert law in science_world().laws


def test_common_subjects_come_up_far_more_often_than_rare_ones() -> None:
    weights = science_world().weights
    assert np.isclose(weights.sum(), 1.0)
    assert weights[0] > 20 * weights[-1]


def test_options_are_distinct_sorted_and_hold_the_answer() -> None:
    rng = np.random.default_rng(0)
    for about in science_world().facts:
        for fact in about:
            choices = options(fact, rng)
            assert len(set(choices)) == CHOICES
            assert list(choices) == sorted(choices)
            assert fact.value in choices
