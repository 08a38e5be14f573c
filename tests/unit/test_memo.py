"""Answers kept beside a table belong to that table and go with it."""

import gc

import pandas as pd

from circle15.judge import memo


def test_an_answer_is_worked_out_once_a_table():
    asked = []
    one, two = pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]})
    for table in (one, one, two):
        memo.once(table, "size", lambda: asked.append(1) or len(asked))
    assert memo.once(one, "size", lambda: 9) == 1
    assert memo.once(two, "size", lambda: 9) == 2
    assert memo.once(one, "other", lambda: 9) == 9


def test_answers_go_with_their_table():
    table = pd.DataFrame({"a": [1]})
    memo.once(table, "size", lambda: 1)
    place = id(table)
    assert place in memo._KEPT
    del table
    gc.collect()
    assert place not in memo._KEPT
