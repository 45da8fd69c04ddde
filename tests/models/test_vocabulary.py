"""Tokens: whole words, and pieces of those that were never seen."""

from __future__ import annotations

from orbweaver.models.vocabulary import LIMIT, all_texts, build_vocabulary


def test_unseen_words_are_spelt() -> None:
    vocabulary = build_vocabulary(["a red square ."])
    assert vocabulary.tokenizer.decode(vocabulary.tokens("A red squid .")) == "a red squid ."
    assert len(vocabulary.tokens("red")) == 1
    assert len(vocabulary.tokens("squid")) == 5
    assert vocabulary.enclosed("red") == [vocabulary.start, *vocabulary.tokens("red"), vocabulary.end]
    assert len(vocabulary.enclosed("red " * 2 * LIMIT)) == LIMIT


def test_all_texts_of_a_split_whatever_their_names() -> None:
    texts = {"question": ["who ?", "where ?"], "answers": [["he", "she"], ["there"]], "starts": [[0, 4], [1]]}
    assert all_texts(texts) == ["who ?", "where ?", "he", "she", "there"]
