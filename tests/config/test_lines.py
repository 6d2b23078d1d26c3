"""Finding the line of a key."""

from __future__ import annotations

from syncd.config.lines import find_lines, nearest_line

TEXT = '''top = 1
a.b = 2
[stores.us]   # a comment
"quoted key" = 1
text = """
poll = 3
[no.table]
"""
poll = 4
[stores."x.y"]
list = [
  1,
]
'''


def test_headers_keys_dotted_keys_and_quoted_names_are_found():
    lines = find_lines(TEXT)
    assert lines["top",] == 1
    assert lines["a",] == lines["a", "b"] == 2
    assert lines["stores", "us"] == 3
    assert lines["stores", "us", "quoted key"] == 4
    assert lines["stores", "us", "poll"] == 9
    assert lines["stores", "x.y", "list"] == 11
    assert ("no", "table") not in lines


def test_a_key_that_is_missing_gets_the_line_of_the_table_around_it():
    lines = find_lines(TEXT)
    assert nearest_line(lines, ("stores", "us", "absent")) == 3
    assert nearest_line(lines, ("stores", "x.y", "list", 0)) == 11
    assert nearest_line(lines, ("nothing",)) == 0
