//! Errors about a value: its type, its bounds, and the valid choices.

use insta::assert_snapshot;

use super::config_error;

#[test]
fn a_value_of_the_wrong_type_is_reported() {
    assert_snapshot!(config_error("[profile.acme]\nlive = \"yes\"\n"), @r#"
    config.toml:2:8: expected true or false, found a string
      |
    2 | live = "yes"
      |        ^^^^^
      = expected true or false, without quotes
    "#);
    assert_snapshot!(config_error("[profile.acme]\nconcurrency = 8.5 # a half\n"), @"
    config.toml:2:15: expected an integer, found a decimal number
      |
    2 | concurrency = 8.5
      |               ^^^
      = expected a whole number from 1 to 64
    ");
    assert_snapshot!(config_error("[profile.a]\n[[profile.a.number]]\nid = 106540352100143\n"), @"
    config.toml:3:6: expected a string, found an integer
      |
    3 | id = 106540352100143
      |      ^^^^^^^^^^^^^^^
      = expected the ID as Meta shows it, digits only, in quotes
    ");
    assert_snapshot!(config_error("[profile.a]\ntoken_command = \"pass show meta\"\n"), @r#"
    config.toml:2:17: expected a list, found a string
      |
    2 | token_command = …
      |                 ^
      = expected a program and its arguments, such as ["pass", "show", "meta/acme"]
    "#);
    assert_snapshot!(config_error("[profile.a]\nwaba = [\"1\"]\n"), @"
    config.toml:2:9: expected a table, found a string
      |
    2 | waba = …
      |        ^
      = expected a list of tables: [[….waba]] on its own line
    ");
    assert_snapshot!(config_error("profile = \"acme\"\n"), @"
    config.toml:1:11: expected a table, found a string
      |
    1 | profile = …
      |           ^
      = expected a table: [profile] on its own line
    ");
    assert_snapshot!(config_error("[profile.a]\n[console]\nshow_pin = 10\n"), @r#"
    config.toml:3:12: expected a string, found an integer
      |
    3 | show_pin = 10
      |            ^^
      = expected "never", or a duration from "1s" to "5m", such as "10s" or "2m"
    "#);
}

#[test]
fn a_value_out_of_bounds_is_reported_with_the_bounds() {
    assert_snapshot!(config_error("[profile.acme]\nconcurrency = 65\n"), @r#"
    config.toml:2:15: this is out of range
      |
    2 | concurrency = 65
      |               ^^
      = expected a whole number from 1 to 64
    "#);
    assert_snapshot!(config_error("[profile.acme]\nconcurrency = -1\n"), @r#"
    config.toml:2:15: this is out of range
      |
    2 | concurrency = -1
      |               ^^
      = expected a whole number from 1 to 64
    "#);
    assert_snapshot!(config_error("[profile.acme]\ngraph_url = \"http://graph.facebook.com\"\n"), @r#"
    config.toml:2:13: only https is allowed, or http to a loopback address such as http://127.0.0.1:8080
      |
    2 | graph_url = "http://graph.facebook.com"
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = expected a URL such as https://graph.facebook.com
    "#);
    assert_snapshot!(config_error("[profile.acme]\ngraph_version = \"24\"\n"), @r#"
    config.toml:2:17: a version looks like v24.0
      |
    2 | graph_version = "24"
      |                 ^^^^
      = expected a version such as v24.0
    "#);
    assert_snapshot!(config_error("[profile.a]\n[[profile.a.waba]]\nid = \"12a\"\n"), @r#"
    config.toml:3:6: an ID has 1 to 23 digits and nothing else
      |
    3 | id = "12a"
      |      ^^^^^
      = expected the ID as Meta shows it, digits only
    "#);
    assert_snapshot!(config_error("[profile.a]\n[[profile.a.waba]]\nname = \"uk\"\n"), @r#"
    config.toml:2:1: id is missing
      |
    2 | [[profile.a.waba]]
      | ^^^^^^^^^^^^^^^^^^
      = expected id = "…" below this line
    "#);
}

#[test]
fn an_invalid_choice_time_or_path_is_reported() {
    assert_snapshot!(config_error("[profile.a]\n[console]\nglyphs = \"asci\"\n"), @r#"
    config.toml:3:10: unknown value
      |
    3 | glyphs = "asci"
      |          ^^^^^^
      = expected one of: auto, ascii, unicode
      = did you mean "ascii"?
    "#);
    assert_snapshot!(config_error("[profile.a]\n[console]\nhide_after = \"10 minutes\"\n"), @r#"
    config.toml:3:14: this is not a duration
      |
    3 | hide_after = "10 minutes"
      |              ^^^^^^^^^^^^
      = expected "never", or a duration from "1s" to "24h", such as "10s", "2m" or "1h"
    "#);
    assert_snapshot!(config_error("[profile.a]\n[console]\nshow_pin = \"6m\"\n"), @r#"
    config.toml:3:12: this is out of range
      |
    3 | show_pin = "6m"
      |            ^^^^
      = expected "never", or a duration from "1s" to "5m", such as "10s" or "2m"
    "#);
    assert_snapshot!(config_error("[profile.a]\n[policy]\nrotate_after = \"6m\"\n"), @r#"
    config.toml:3:16: this is not a duration
      |
    3 | rotate_after = "6m"
      |                ^^^^
      = expected a duration from "1d" to "3650d", such as "180d" or "26w"
    "#);
    assert_snapshot!(config_error("[profile.a]\n[policy]\nrotate_after = \"522w\"\n"), @r#"
    config.toml:3:16: this is out of range
      |
    3 | rotate_after = "522w"
      |                ^^^^^^
      = expected a duration from "1d" to "3650d", such as "180d" or "26w"
    "#);
    assert_snapshot!(config_error("[profile.a]\n[[profile.a.waba]]\nid = \"2,00E+14\"\n"), @r#"
    config.toml:3:6: a spreadsheet rounded this ID, and its last digits are lost. Format the column as text, and copy the IDs again
      |
    3 | id = "2,00E+14"
      |      ^^^^^^^^^^
      = expected the ID as Meta shows it, digits only
    "#);
    assert_snapshot!(config_error("[profile.a]\nca_file = \"\"\n"), @r#"
    config.toml:2:11: this is empty
      |
    2 | ca_file = …
      |           ^
      = expected the path of a file that starts with / or ~/
    "#);
    assert_snapshot!(config_error("[profile.a]\ntoken_command = []\n"), @r#"
    config.toml:2:17: this list is empty
      |
    2 | token_command = …
      |                 ^
      = expected a program and its arguments, such as ["pass", "show", "meta/acme"]
    "#);
}
