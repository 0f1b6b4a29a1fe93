//! The config as an operator meets it: files on a disk, variables, flags, and what is said of a mistake in them.

mod support {
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod skip;
}

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use pindesk::config::endpoint::{AppSecret, Endpoint};
use pindesk::config::{Config, ConsoleSettings, Env, GlyphChoice, Overrides, Profile, TokenSource, search_paths};
use pindesk::domain::number::Waba;
use pindesk::domain::text::CleanText;
use pindesk::preflight::{self, PreflightError};
use pindesk::token_source;
use tempfile::TempDir;

/// A home directory that goes when the test ends.
struct ConfigHome(TempDir);

impl ConfigHome {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write_file(&self, name: &str, mode: u32, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("its directory");
        fs::write(&path, content).expect("the file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        path
    }

    fn env(&self) -> Env {
        Env { home: Some(self.0.path().to_owned()), ..Env::default() }
    }

    /// Loads `content` as the config of this home.
    fn load_config(&self, content: &str, overrides: &Overrides, env: &Env) -> Result<Config, PreflightError> {
        self.write_file(".config/pindesk/config.toml", 0o600, content);
        preflight::load_config(overrides, env).map(|config| config.expect("the file is there"))
    }

    /// A message without the name of the temporary directory.
    fn without_temp_path(&self, error: impl std::fmt::Display) -> String {
        error.to_string().replace(&*self.0.path().to_string_lossy(), "~").replace("~/.config/pindesk/", "")
    }
}

/// The config of a file of this content, and nothing else.
fn parse_config(content: &str) -> Config {
    let home = ConfigHome::new();
    home.load_config(content, &Overrides::default(), &home.env()).expect("it is a good config")
}

/// What is said of a file of this content.
fn config_error(content: &str) -> String {
    let home = ConfigHome::new();
    home.without_temp_path(
        home.load_config(content, &Overrides::default(), &home.env()).expect_err("it is a bad config"),
    )
}

fn endpoint(url: &str, version: &str, ca_file: Option<&str>) -> Endpoint {
    Endpoint {
        url: url.parse().expect("a good URL"),
        version: version.parse().expect("a good version"),
        ca_file: ca_file.map(PathBuf::from),
    }
}

const FULL_CONFIG: &str = r#"
default_profile = "acme-prod"

[profile.acme-prod]
live = true
token_file = "~/token"
app_secret_file = "/etc/pindesk/app-secret"
graph_url = "https://graph.facebook.com"
graph_version = "v23.0"
ca_file = "/etc/ssl/acme-ca.pem"
read_only = false
concurrency = 64

[[profile.acme-prod.waba]]
id = "102290129340398"
name = "uk-retail"

[[profile.acme-prod.waba]]
id = "102290129340399"

[[profile.acme-prod.number]]
id = "106540352100143"
name = "Acme Retail UK"

[profile.sandbox]
live = false
token_command = ["pass", "show", "meta/acme"]
graph_url = "http://127.0.0.1:8080"

[escrow]
recipients = ["age1qqqq", "ssh-ed25519 AAAA ana@acme"]
recipients_file = "/etc/pindesk/recipients"

[console]
glyphs = "ascii"
show_pin = "never"
suspend = false
bell = true
hide_after = "2m"

[keys]
set_pin = "S"
back = "backspace"
"#;

#[test]
fn a_whole_config_is_read_as_it_is_written() {
    let home = ConfigHome::new();
    let config = home.load_config(FULL_CONFIG, &Overrides::default(), &home.env()).expect("it is good");
    assert_eq!(config.path, home.path(".config/pindesk/config.toml"));
    assert_eq!(
        config.profile,
        Profile {
            name: CleanText::new("acme-prod"),
            live: true,
            token: Some(TokenSource::File(home.path("token"))),
            app_secret_file: Some("/etc/pindesk/app-secret".into()),
            endpoint: endpoint("https://graph.facebook.com", "v23.0", Some("/etc/ssl/acme-ca.pem")),
            read_only: false,
            concurrency: 64,
            wabas: vec![
                Arc::new(Waba { id: "102290129340398".parse().unwrap(), name: Some(CleanText::new("uk-retail")) }),
                Arc::new(Waba { id: "102290129340399".parse().unwrap(), name: None }),
            ],
            numbers: vec![("106540352100143".parse().unwrap(), Some(CleanText::new("Acme Retail UK")))],
        }
    );
    assert!(!config.profile.is_test());
    assert_eq!(
        config.console,
        ConsoleSettings {
            glyphs: GlyphChoice::Ascii,
            show_pin: None,
            suspend: false,
            bell: true,
            hide_after: Some(Duration::from_mins(2)),
        }
    );
    let keys: Vec<_> = config.key_overrides.iter().map(|key| (key.action.as_str(), key.key.as_str())).collect();
    assert_eq!(keys, [("set_pin", "S"), ("back", "backspace")]);
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = parse_config("[profile.acme]");
    assert_eq!(
        config.profile,
        Profile {
            name: CleanText::new("acme"),
            live: true,
            token: None,
            app_secret_file: None,
            endpoint: endpoint("https://graph.facebook.com", "v24.0", None),
            read_only: false,
            concurrency: 8,
            wabas: vec![],
            numbers: vec![],
        }
    );
    assert!(config.profile.is_empty());
    assert_eq!((config.console, config.key_overrides), (ConsoleSettings::default(), vec![]));
}

#[test]
fn flags_go_before_variables_and_variables_before_the_file() {
    let home = ConfigHome::new();
    let profile =
        |overrides: &Overrides, env: &Env| home.load_config(FULL_CONFIG, overrides, env).expect("it is good").profile;
    let env = Env { profile: Some("sandbox".to_owned()), ..home.env() };
    let sandbox = profile(&Overrides::default(), &env);
    assert!(sandbox.is_test());
    let pass = ["pass", "show", "meta/acme"].map(str::to_owned).to_vec();
    assert_eq!((sandbox.name.as_str(), sandbox.token), ("sandbox", Some(TokenSource::Command(pass))));

    let env = Env { token_file: Some("/run/token".into()), ..env };
    assert_eq!(profile(&Overrides::default(), &env).token, Some(TokenSource::File("/run/token".into())));

    let flags = Overrides { profile: Some("acme-prod".to_owned()), read_only: true, ..Overrides::default() };
    let chosen = profile(&flags, &env);
    assert_eq!((chosen.name.as_str(), chosen.read_only), ("acme-prod", true));
}

#[test]
fn read_only_in_the_file_is_not_switched_off_by_leaving_out_the_flag() {
    assert!(parse_config("[profile.a]\nread_only = true").profile.read_only);
}

#[test]
fn a_named_file_is_read_instead_of_the_users_own() {
    let home = ConfigHome::new();
    let env = Env { config: Some(home.write_file("env.toml", 0o644, "[profile.of-env]")), ..home.env() };
    let flag =
        Overrides { config: Some(home.write_file("flag.toml", 0o644, "[profile.of-flag]")), ..Overrides::default() };
    let name = |overrides: &Overrides, env: &Env| {
        home.load_config("[profile.own]", overrides, env).expect("it is good").profile.name.to_string()
    };
    assert_eq!(name(&Overrides::default(), &home.env()), "own");
    assert_eq!(name(&Overrides::default(), &env), "of-env");
    assert_eq!(name(&flag, &env), "of-flag");
}

#[test]
fn no_file_at_all_is_no_error_but_a_named_one_must_be_there() {
    let home = ConfigHome::new();
    let places = search_paths(&Overrides::default(), &home.env());
    assert_eq!(places, [home.path(".config/pindesk/config.toml"), "/etc/pindesk/config.toml".into()]);
    // Says nothing on a machine that has a config for all its users.
    if !Path::new("/etc/pindesk/config.toml").exists() {
        assert_eq!(preflight::load_config(&Overrides::default(), &home.env()).expect("no error"), None);
    }
    let overrides = Overrides { config: Some(home.path("gone.toml")), ..Overrides::default() };
    let error = preflight::load_config(&overrides, &home.env()).expect_err("it was named");
    assert_snapshot!(home.without_temp_path(error), @"config file ~/gone.toml: there is no such file");
}

#[test]
fn a_config_file_that_others_may_change_is_refused_and_one_they_may_read_is_not() {
    let home = ConfigHome::new();
    let load = |mode| {
        let config = Some(home.write_file("c.toml", mode, "[profile.a]"));
        preflight::load_config(&Overrides { config, ..Overrides::default() }, &home.env())
            .map_err(|error| home.without_temp_path(error))
    };
    assert!(load(0o644).is_ok());
    assert_snapshot!(load(0o664).expect_err("the group may write"), @"config file ~/c.toml: others can write it (mode 0664). Run: chmod go-w ~/c.toml");
    assert_snapshot!(load(0o646).expect_err("all may write"), @"config file ~/c.toml: others can write it (mode 0646). Run: chmod go-w ~/c.toml");
}

#[test]
fn what_is_no_regular_text_file_is_refused() {
    let home = ConfigHome::new();
    let load = |path: PathBuf| {
        let overrides = Overrides { config: Some(path), ..Overrides::default() };
        home.without_temp_path(preflight::load_config(&overrides, &home.env()).expect_err("it is no config"))
    };
    assert_snapshot!(load(home.0.path().to_owned()), @"config file ~: it is not a regular file");
    assert_snapshot!(load("/dev/null".into()), @"config file /dev/null: it is not a regular file");
    assert_snapshot!(load(home.write_file("binary", 0o600, b"\xff\xfe")), @"config file ~/binary: it is not UTF-8 text");
}

#[test]
fn an_unknown_key_is_named_with_what_was_meant() {
    assert_snapshot!(config_error("[profile.acme]\nread_onyl = true\n"), @r#"
    config.toml:2:1: unknown key "read_onyl"
      |
    2 | read_onyl = …
      | ^^^^^^^^^
      = expected one of: live, token_file, token_command, app_secret_file, graph_url, graph_version, ca_file, read_only, concurrency, waba, number
      = did you mean "read_only"?
    "#);
    assert_snapshot!(config_error("[profil.acme]\n"), @r#"
    config.toml:1:2: unknown key "profil"
      |
    1 | [profil.acme]
      |  ^^^^^^
      = expected one of: default_profile, profile, escrow, console, keys
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
fn a_key_in_the_wrong_table_is_sent_to_the_right_one() {
    assert_snapshot!(config_error("concurrency = 4\n[profile.a]\n"), @r#"
    config.toml:1:1: unknown key "concurrency" here
      |
    1 | concurrency = 4
      | ^^^^^^^^^^^
      = expected it in [profile.NAME]
    "#);
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    assert_snapshot!(config_error("[profile.a]\naccess_token = \"EAAJfake\"\n"), @r#"
    config.toml:2:1: unknown key "access_token": an access token never stands in this file
      |
    2 | access_token = …
      | ^^^^^^^^^^^^
      = expected token_file with the path of a file of mode 0600, or token_command
    "#);
    assert_snapshot!(config_error("[profile.a]\napp-secret = \"0123456789abcdef\"\n"), @r#"
    config.toml:2:1: unknown key "app-secret": an app secret never stands in this file
      |
    2 | app-secret = …
      | ^^^^^^^^^^
      = expected app_secret_file with the path of a file of mode 0600
    "#);
    assert_snapshot!(config_error("[profile.a]\npin = \"042137\"\n"), @r#"
    config.toml:2:1: unknown key "pin": a PIN never stands in this file
      |
    2 | pin = …
      | ^^^
      = expected no PIN: it is typed into the console, or read by: pindesk pin set --pin-file
    "#);
    assert_snapshot!(config_error("[profile.a]\ntoken_file = \"EAAJfake\"\n"), @r#"
    config.toml:2:14: this is not a whole path
      |
    2 | token_file = …
      |              ^
      = expected the path of a file, beginning with / or ~/
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
      = expected one of: live, token_file, token_command, app_secret_file, graph_url, graph_version, ca_file, read_only, concurrency, waba, number
    "#);
}

#[test]
fn no_message_repeats_a_secret_wherever_it_was_pasted() {
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
            let told = config_error(&content);
            assert!(!told.contains(secret), "{content}{told}");
        }
    }
}

#[test]
fn a_value_of_the_wrong_type_is_told_with_what_was_expected() {
    assert_snapshot!(config_error("[profile.acme]\nlive = \"yes\"\n"), @r#"
    config.toml:2:8: this cannot be a string
      |
    2 | live = "yes"
      |        ^^^^^
      = expected true or false, without quotes
    "#);
    assert_snapshot!(config_error("[profile.acme]\nconcurrency = 8.5 # a half\n"), @r#"
    config.toml:2:15: this cannot be a number with a fraction
      |
    2 | concurrency = 8.5
      |               ^^^
      = expected a whole number from 1 to 64
    "#);
    assert_snapshot!(config_error("[profile.a]\n[[profile.a.number]]\nid = 106540352100143\n"), @r#"
    config.toml:3:6: this cannot be a whole number
      |
    3 | id = 106540352100143
      |      ^^^^^^^^^^^^^^^
      = expected the ID as Meta shows it, digits only, in quotes
    "#);
    assert_snapshot!(config_error("[profile.a]\ntoken_command = \"pass show meta\"\n"), @r#"
    config.toml:2:17: this cannot be a string
      |
    2 | token_command = …
      |                 ^
      = expected a program and its arguments, such as ["pass", "show", "meta/acme"]
    "#);
    assert_snapshot!(config_error("[profile.a]\nwaba = [\"1\"]\n"), @r#"
    config.toml:2:9: this cannot be a string
      |
    2 | waba = …
      |        ^
      = expected a list of tables: [[….waba]] on a line of its own
    "#);
    assert_snapshot!(config_error("profile = \"acme\"\n"), @r#"
    config.toml:1:11: this cannot be a string
      |
    1 | profile = …
      |           ^
      = expected a table: [profile] on a line of its own
    "#);
    assert_snapshot!(config_error("[profile.a]\n[console]\nshow_pin = 10\n"), @r#"
    config.toml:3:12: this cannot be a whole number
      |
    3 | show_pin = 10
      |            ^^
      = expected "never", or a time from "1s" to "5m", such as "10s", "2m" or "1h"
    "#);
}

#[test]
fn an_impossible_value_is_told_with_what_is_possible() {
    assert_snapshot!(config_error("[profile.acme]\nconcurrency = 65\n"), @r#"
    config.toml:2:15: this is out of bounds
      |
    2 | concurrency = 65
      |               ^^
      = expected a whole number from 1 to 64
    "#);
    assert_snapshot!(config_error("[profile.acme]\nconcurrency = -1\n"), @r#"
    config.toml:2:15: this is out of bounds
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
    config.toml:2:1: there is no id
      |
    2 | [[profile.a.waba]]
      | ^^^^^^^^^^^^^^^^^^
      = expected id = "…" below this line
    "#);
}

#[test]
fn an_impossible_choice_time_or_path_is_told_with_what_is_possible() {
    assert_snapshot!(config_error("[profile.a]\n[console]\nglyphs = \"asci\"\n"), @r#"
    config.toml:3:10: there is no such choice
      |
    3 | glyphs = "asci"
      |          ^^^^^^
      = expected one of: auto, ascii, unicode
      = did you mean "ascii"?
    "#);
    assert_snapshot!(config_error("[profile.a]\n[console]\nhide_after = \"10 minutes\"\n"), @r#"
    config.toml:3:14: this is not a time
      |
    3 | hide_after = "10 minutes"
      |              ^^^^^^^^^^^^
      = expected "never", or a time from "1s" to "24h", such as "10s", "2m" or "1h"
    "#);
    assert_snapshot!(config_error("[profile.a]\n[console]\nshow_pin = \"6m\"\n"), @r#"
    config.toml:3:12: this is out of bounds
      |
    3 | show_pin = "6m"
      |            ^^^^
      = expected "never", or a time from "1s" to "5m", such as "10s", "2m" or "1h"
    "#);
    assert_snapshot!(config_error("[profile.a]\nca_file = \"\"\n"), @r#"
    config.toml:2:11: this is empty
      |
    2 | ca_file = …
      |           ^
      = expected the path of a file, beginning with / or ~/
    "#);
    assert_snapshot!(config_error("[profile.a]\ntoken_command = []\n"), @r#"
    config.toml:2:17: this list is empty
      |
    2 | token_command = …
      |                 ^
      = expected a program and its arguments, such as ["pass", "show", "meta/acme"]
    "#);
}

#[test]
fn what_is_there_twice_is_refused_with_the_line_of_the_first() {
    assert_snapshot!(config_error("[profile.a]\ntoken_command = [\"pass\"]\ntoken_file = \"/etc/pindesk/token\"\n"), @r#"
    config.toml:3:1: there is token_command already, on line 2
      |
    3 | token_file = "/etc/pindesk/token"
      | ^^^^^^^^^^
      = expected either token_file or token_command
    "#);
    assert_snapshot!(config_error("[profile.a]\n[[profile.a.waba]]\nid = \"10\"\n[[profile.a.waba]]\nid = \"10\"\n"), @r#"
    config.toml:5:6: this WABA is listed already, on line 3
      |
    5 | id = "10"
      |      ^^^^
      = expected each ID once in a profile
    "#);
    assert_snapshot!(config_error("[profile.a]\n[[profile.a.number]]\nid = \"7\"\n[[profile.a.number]]\nid = \"7\"\n"), @r#"
    config.toml:5:6: this number is listed already, on line 3
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
fn what_is_not_toml_is_told_by_its_place() {
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
fn outside_text_cannot_steer_the_terminal() {
    assert_snapshot!(config_error("[profile.a]\n\"\\u001b[2J\" = \"\u{202e}x\"\n"), @r#"
    config.toml:2:1: unknown key "\u{1b}[2J"
      |
    2 | "\u001b[2J" = …
      | ^^^^^^^^^^^
      = expected one of: live, token_file, token_command, app_secret_file, graph_url, graph_version, ca_file, read_only, concurrency, waba, number
    "#);
}

#[test]
fn a_profile_is_chosen_or_the_choice_is_told() {
    assert_snapshot!(config_error(""), @"config.toml has no profile: add a table [profile.NAME]");
    assert_snapshot!(config_error("[profile.acme-prod]\n[profile.sandbox]\n"), @"config.toml has several profiles: acme-prod, sandbox. Choose one with --profile NAME, PINDESK_PROFILE or default_profile");
    assert_snapshot!(config_error("default_profile = \"acme-prd\"\n[profile.acme-prod]\n[profile.sandbox]\n"), @r#"
    config.toml:1:19: there is no profile of this name
      |
    1 | default_profile = "acme-prd"
      |                   ^^^^^^^^^^
      = expected one of: acme-prod, sandbox
      = did you mean "acme-prod"?
    "#);
    let home = ConfigHome::new();
    let overrides = Overrides { profile: Some("nobody".to_owned()), ..Overrides::default() };
    assert_snapshot!(home.without_temp_path(home.load_config(FULL_CONFIG, &overrides, &home.env()).expect_err("no such profile")), @r#"config.toml has no profile "nobody"; there is: acme-prod, sandbox"#);
}

#[test]
fn the_keymap_can_refuse_a_key_as_precisely() {
    let home = ConfigHome::new();
    let content = "[profile.a]\n[keys]\nset_pn = \"p\"\nback = \"ctrl-c\"\n";
    let config = home.load_config(content, &Overrides::default(), &home.env()).expect("it is good so far");
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

#[test]
fn a_token_is_read_from_a_file_that_is_its_owners_alone() {
    let home = ConfigHome::new();
    let source = TokenSource::File(home.write_file("token", 0o600, "EAAJfake\n"));
    assert_eq!(token_source::read_token(&source).expect("it is safe").expose(), "EAAJfake");
    symlink(home.path("token"), home.path("link")).expect("a link");
    assert_eq!(
        token_source::read_token(&TokenSource::File(home.path("link"))).expect("it leads there").expose(),
        "EAAJfake"
    );
}

#[test]
fn a_link_that_somebody_else_made_is_not_followed() {
    if !rustix::process::geteuid().is_root() {
        support::skip::not_allowed("giving a link away, as root can");
        return;
    }
    let home = ConfigHome::new();
    home.write_file("token", 0o600, "EAAJfake");
    symlink("token", home.path("link")).expect("a link");
    symlink("link", home.path("first")).expect("a link to a link");
    std::os::unix::fs::lchown(home.path("link"), Some(4321), None).expect("given away");
    let told = |name: &str| {
        home.without_temp_path(
            token_source::read_token(&TokenSource::File(home.path(name))).expect_err("it is not safe"),
        )
    };
    let refused = "the symbolic link belongs to user 4321. Make it yourself, or name the file that it leads to";
    assert_eq!(told("link"), format!("access token file ~/link: {refused}"));
    assert_eq!(told("first"), format!("access token file ~/first: {refused}"));
    symlink("circle", home.path("circle")).expect("a link");
    assert_snapshot!(told("circle"), @"access token file ~/circle: it cannot be read: Too many levels of symbolic links (os error 40)");
}

#[test]
fn a_token_file_that_is_not_safe_is_refused_with_the_chmod() {
    let home = ConfigHome::new();
    let told = |name: &str, mode, content: &[u8]| {
        let error = token_source::read_token(&TokenSource::File(home.write_file(name, mode, content)))
            .expect_err("it is not safe");
        home.without_temp_path(error)
    };
    assert_snapshot!(told("token", 0o644, b"EAAJfake"), @"access token file ~/token: others can read it (mode 0644). Run: chmod 600 ~/token");
    assert_snapshot!(told("token", 0o640, b"EAAJfake"), @"access token file ~/token: others can read it (mode 0640). Run: chmod 600 ~/token");
    assert_snapshot!(told("token", 0o622, b"EAAJfake"), @"access token file ~/token: others can write it (mode 0622). Run: chmod 600 ~/token");
    assert_snapshot!(told("a token", 0o604, b"EAAJfake"), @"access token file ~/a token: others can read it (mode 0604). Run: chmod 600 '~/a token'");
    assert_snapshot!(told("empty", 0o600, b"\n"), @"~/empty holds no access token: it is empty");
    assert_snapshot!(told("words", 0o600, b"EAAJfake EAAJfake"), @"~/words holds no access token: it is not one line of ASCII without blanks, of at most 4,096 characters");
    assert_snapshot!(told("binary", 0o600, b"EAAJ\xff"), @"access token file ~/binary: it is not UTF-8 text");
    assert_snapshot!(told("large", 0o600, &vec![b'E'; 70_000]), @"access token file ~/large: it is larger than 65536 bytes");
    assert_snapshot!(home.without_temp_path(token_source::read_token(&TokenSource::File(home.path("gone"))).expect_err("it is gone")), @"access token file ~/gone: there is no such file");
    assert_snapshot!(home.without_temp_path(token_source::read_token(&TokenSource::File(home.path(""))).expect_err("a directory")), @"access token file ~/: it is not a regular file");
}

#[test]
fn a_token_is_read_from_a_command_and_its_errors_repeat_nothing() {
    let command = |script: &str| {
        TokenSource::Command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned(), "EAAJargument".to_owned()])
    };
    assert_eq!(token_source::read_token(&command("echo EAAJfake")).expect("it ends well").expose(), "EAAJfake");
    let told = |source: TokenSource| token_source::read_token(&source).expect_err("it does not end well").to_string();
    assert_snapshot!(told(command("echo EAAJfake; exit 3")), @"token_command sh: it failed (exit status: 3)");
    assert_snapshot!(told(command("kill -9 $$")), @"token_command sh: it failed (signal: 9 (SIGKILL))");
    assert_snapshot!(told(command("true")), @"the output of sh holds no access token: it is empty");
    assert_snapshot!(told(command("echo EAAJfake; echo EAAJfake")), @"the output of sh holds no access token: it is not one line of ASCII without blanks, of at most 4,096 characters");
    assert_snapshot!(told(TokenSource::Command(vec!["/no/such/program".to_owned(), "EAAJfake".to_owned()])), @"token_command /no/such/program: it cannot be run: No such file or directory (os error 2)");
}

#[test]
fn credentials_are_the_token_and_the_app_secret() {
    let home = ConfigHome::new();
    home.write_file("token", 0o600, "EAAJfake");
    let secret = home.write_file("secret", 0o600, "0123abcd\n");
    let content = "[profile.a]\ntoken_file = \"~/token\"\napp_secret_file = \"~/secret\"\n";
    let profile = home.load_config(content, &Overrides::default(), &home.env()).expect("it is good").profile;
    let credentials = token_source::load_credentials(&profile).expect("they are safe").expect("there is a token");
    assert_eq!(
        (credentials.token.expose(), credentials.app_secret.as_ref().map(AppSecret::expose)),
        ("EAAJfake", Some("0123abcd"))
    );
    fs::set_permissions(secret, Permissions::from_mode(0o640)).expect("its mode");
    assert_snapshot!(home.without_temp_path(token_source::load_credentials(&profile).expect_err("the group can read it")), @"app secret file ~/secret: others can read it (mode 0640). Run: chmod 600 ~/secret");
    assert!(token_source::load_credentials(&parse_config("[profile.a]").profile).expect("nothing to read").is_none());
}
