//! Secrets in the config file: they are refused, and no message repeats them.

use insta::assert_snapshot;

use super::config_error;

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    assert_snapshot!(config_error("[profile.a]\naccess_token = \"EAAJfake\"\n"), @r#"
    config.toml:2:1: unknown key "access_token": an access token does not belong in this file
      |
    2 | access_token = …
      | ^^^^^^^^^^^^
      = expected token_file with the path of a file of mode 0600, or token_command
    "#);
    assert_snapshot!(config_error("[profile.a]\napp-secret = \"0123456789abcdef\"\n"), @r#"
    config.toml:2:1: unknown key "app-secret": an app secret does not belong in this file
      |
    2 | app-secret = …
      | ^^^^^^^^^^
      = expected app_secret_file with the path of a file of mode 0600
    "#);
    assert_snapshot!(config_error("[profile.a]\npin = \"042137\"\n"), @r#"
    config.toml:2:1: unknown key "pin": a PIN does not belong in this file
      |
    2 | pin = …
      | ^^^
      = expected no PIN: type it into the console, or use pindesk pin set --pin-file
    "#);
    assert_snapshot!(config_error("[profile.a]\ntoken_file = \"EAAJfake\"\n"), @r#"
    config.toml:2:14: must be an absolute path
      |
    2 | token_file = …
      |              ^
      = expected the path of a file that starts with / or ~/
    "#);
    assert_snapshot!(config_error("[profile.a]\ntoken = EAAJfake\n"), @r#"
    config.toml:2:9: string values must be quoted
      |
    2 | token = …
      |         ^
      = expected literal string
    "#);
    assert_snapshot!(config_error("[profile.a]\nEAAJfakeTokenFakeTokenFakeToken = 1\n"), @r#"
    config.toml:2:1: unknown key "…"
      |
    2 | …
      | ^
      = expected one of: live, token_file, token_command, app_secret_file, graph_url, graph_version, ca_file, read_only, business, discover_through_gateway, concurrency, waba, number
    "#);
}

#[test]
fn no_message_repeats_a_secret() {
    for secret in ["EAAJZCkXz9fakeTokenFakeTokenFakeToken", "042137", "0123456789abcdef0123456789abcdef"] {
        for content in [
            format!("{secret}\n"),
            format!("{secret} = 1\n"),
            format!("\"{secret}\" = 1\n"),
            format!("[profile.a]\n{secret}\n"),
            format!("[profile.a]\ntoken = {secret}\n"),
            format!("[profile.a]\ntoken = \"{secret}\n"),
            format!("[profile.a]\ntoken_file = \"{secret}\"\n"),
            format!("[profile.a]\ntoken_file = {secret}\n"),
            format!("[profile.a]\ntoken_command = \"{secret}\"\n"),
            format!("[profile.a]\ntoken_command = [\"\", \"{secret}\"]\n"),
            format!("[profile.a]\ntoken_command = [\n\"{secret}\", 1,\n1]\n"),
            format!("[profile.a]\nread_only = \"{secret}\"\n"),
            format!("[profile.a]\nread_only = 1 # {secret}\n"),
            format!("[profile.a]\ngraph_url = \"https://u:{secret}@x\"\n"),
            format!("[profile.a]\ngraph_url = \"https://x/?t={secret}\"\n"),
            format!("[profile.a]\nname.token = \"{secret}\"\n"),
            format!("[profile.a]\nwaba = [{{ id = \"x\", token = \"{secret}\" }}]\n"),
            format!("[profile.a] token = \"{secret}\"\n"),
            format!("[profile.a]\n[{secret}]\n"),
            format!("[profile.a]\n[escrow]\nrecipients = \"{secret}\"\n"),
            format!("[profile.a]\n[escrow]\nrecipients = [\"\", \"{secret}\"]\n"),
            format!("[profile.a]\n[console]\nshow_pin = \"{secret}\"\n"),
            format!("[profile.a]\n[console]\nglyphs = \"{secret}\"\n"),
        ] {
            let message = config_error(&content);
            assert!(!message.contains(secret), "{content}{message}");
        }
    }
}
