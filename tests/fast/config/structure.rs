//! Errors about the structure of the file: unknown, misplaced and duplicate keys, and invalid TOML.

use insta::assert_snapshot;
use pindesk::config::Overrides;

use super::{ConfigHome, config_error};

#[test]
fn an_unknown_key_is_reported_with_a_suggestion() {
    assert_snapshot!(config_error("[profile.acme]\nread_onyl = true\n"), @r#"
    config.toml:2:1: unknown key "read_onyl"
      |
    2 | read_onyl = …
      | ^^^^^^^^^
      = expected one of: live, token_file, token_command, app_secret_file, graph_url, graph_version, ca_file, read_only, business, discover_through_gateway, concurrency, waba, number
      = did you mean "read_only"?
    "#);
    assert_snapshot!(config_error("[profil.acme]\n"), @r#"
    config.toml:1:2: unknown key "profil"
      |
    1 | [profil.acme]
      |  ^^^^^^
      = expected one of: default_profile, profile, escrow, policy, audit, console, keys
      = did you mean "profile"?
    "#);
    assert_snapshot!(config_error("[profile.a]\n[console]\nBell = true\n"), @r#"
    config.toml:3:1: unknown key "Bell"
      |
    3 | Bell = …
      | ^^^^
      = expected one of: glyphs, show_pin, suspend, bell, hide_after
      = did you mean "bell"?
    "#);
    assert_snapshot!(config_error("[profile.a]\n[[profile.a.waba]]\nid = \"1\"\nnmae = \"x\"\n"), @r#"
    config.toml:4:1: unknown key "nmae"
      |
    4 | nmae = …
      | ^^^^
      = expected one of: id, name
      = did you mean "name"?
    "#);
    assert_snapshot!(config_error("[profile.a]\n[escrow]\nreceivers = []\n"), @r#"
    config.toml:3:1: unknown key "receivers"
      |
    3 | receivers = …
      | ^^^^^^^^^
      = expected one of: recipients, recipients_file
    "#);
}

#[test]
fn a_key_in_the_wrong_table_is_reported_with_its_table() {
    assert_snapshot!(config_error("concurrency = 4\n[profile.a]\n"), @r#"
    config.toml:1:1: unknown key "concurrency" here
      |
    1 | concurrency = 4
      | ^^^^^^^^^^^
      = expected it in [profile.NAME]
    "#);
}

#[test]
fn a_duplicate_is_reported_with_the_line_of_the_first() {
    assert_snapshot!(config_error("[profile.a]\ntoken_command = [\"pass\"]\ntoken_file = \"/etc/pindesk/token\"\n"), @r#"
    config.toml:3:1: token_command is already set on line 2
      |
    3 | token_file = "/etc/pindesk/token"
      | ^^^^^^^^^^
      = expected either token_file or token_command
    "#);
    assert_snapshot!(config_error("[profile.a]\n[[profile.a.waba]]\nid = \"10\"\n[[profile.a.waba]]\nid = \"10\"\n"), @r#"
    config.toml:5:6: this WABA is already listed on line 3
      |
    5 | id = "10"
      |      ^^^^
      = expected each ID once in a profile
    "#);
    assert_snapshot!(config_error("[profile.a]\n[[profile.a.number]]\nid = \"7\"\n[[profile.a.number]]\nid = \"7\"\n"), @r#"
    config.toml:5:6: this number is already listed on line 3
      |
    5 | id = "7"
      |      ^^^
      = expected each ID once in a profile
    "#);
    assert_snapshot!(config_error("[profile.a]\n[profile.a]\n"), @r#"
    config.toml:2:10: duplicate key
      |
    2 | [profile.a]
      |          ^
    "#);
}

#[test]
fn invalid_toml_is_reported_with_its_position() {
    assert_snapshot!(config_error("[profile.a\n"), @r#"
    config.toml:1:11: unclosed table
      |
    1 | [profile.a
      |           ^
      = expected `]`
    "#);
    assert_snapshot!(config_error("[profile.a]\nconcurrency = eight\n"), @r#"
    config.toml:2:15: string values must be quoted
      |
    2 | concurrency = eight
      |               ^^^^^
      = expected literal string
    "#);
    assert!(config_error(&format!("a = {}", "[".repeat(100_000))).starts_with("config.toml:1:"));
    assert_snapshot!(config_error("[profile.a]\nread_only\n"), @r#"
    config.toml:2:10: key with no value
      |
    2 | read_only
      |          ^
      = expected `=`
    "#);
}

#[test]
fn an_unusable_recipient_is_reported_with_its_line() {
    let config = "[profile.a]\n[escrow]\nrecipients = [\n  \"age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa\",\n  \"age1qqqq\",\n]\n";
    assert_snapshot!(config_error(config), @r#"
    config.toml:5:3: this age key is mistyped or truncated: its checksum is wrong
      |
    5 |   …
      |   ^
      = expected one public key in each entry
    "#);
    let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    let error = config_error(&format!("[profile.a]\n[escrow]\nrecipients = [\"{secret}\"]\n"));
    assert!(!error.contains("1GQ9778"), "{error}");
    assert_snapshot!(error, @r#"
    config.toml:3:15: this is a private key, but a public key belongs here. Consider it leaked: anyone who could read it can decrypt what is encrypted to it. Remove it, create a new key, and stop using this one
      |
    3 | recipients = …
      |              ^
      = expected one public key in each entry
    "#);
}

#[test]
fn control_characters_in_a_key_are_escaped() {
    assert_snapshot!(config_error("[profile.a]\n\"\\u001b[2J\" = \"\u{202e}x\"\n"), @r#"
    config.toml:2:1: unknown key "\u{1b}[2J"
      |
    2 | "\u001b[2J" = …
      | ^^^^^^^^^^^
      = expected one of: live, token_file, token_command, app_secret_file, graph_url, graph_version, ca_file, read_only, business, discover_through_gateway, concurrency, waba, number
    "#);
}

#[test]
fn the_keymap_reports_errors_with_their_position() {
    let home = ConfigHome::new();
    let content = "[profile.a]\n[keys]\nset_pn = \"p\"\nback = \"ctrl-c\"\n";
    let config = home.load_config(content, &Overrides::default(), &home.env()).expect("a valid config");
    let action = config.key_overrides[0].action_error("there is no such action", &["set_pin", "back"]);
    assert_snapshot!(home.without_temp_path(action), @r#"
    config.toml:3:1: there is no such action
      |
    3 | set_pn = "p"
      | ^^^^^^
      = expected one of: set_pin, back
      = did you mean "set_pin"?
    "#);
    let key = config.key_overrides[1].key_error("ctrl-c quits, and cannot be bound", "another key");
    assert_snapshot!(home.without_temp_path(key), @r#"
    config.toml:4:8: ctrl-c quits, and cannot be bound
      |
    4 | back = "ctrl-c"
      |        ^^^^^^^^
      = expected another key
    "#);
}
