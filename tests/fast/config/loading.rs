//! Which file, flag and profile count, which files are refused, and the defaults.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use pindesk::config::endpoint::Endpoint;
use pindesk::config::{
    ConsoleSettings, Env, GlyphChoice, Overrides, PolicySettings, Profile, TokenSource, search_paths,
};
use pindesk::domain::number::Waba;
use pindesk::domain::text::CleanText;
use pindesk::preflight;

use super::{ConfigHome, config_error, parse_config};

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
business = "100290129340000"
discover_through_gateway = true
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
recipients = [
    "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBHvp7aptwxjOph/aTAlMGntAfYMxZHmBu1Hf95T52m3 ana@acme",
]
recipients_file = "/etc/pindesk/recipients"

[policy]
rotate_after = "180d"

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
fn every_setting_of_a_config_is_read() {
    let home = ConfigHome::new();
    let config = home.load_config(FULL_CONFIG, &Overrides::default(), &home.env()).expect("a valid config");
    assert_eq!(config.path, home.path(".config/pindesk/config.toml"));
    assert_eq!(
        config.profile,
        Profile {
            name: CleanText::new("acme-prod"),
            live: true,
            token: Some(TokenSource::File(home.path("token"))),
            app_secret_file: Some("/etc/pindesk/app-secret".into()),
            endpoint: endpoint("https://graph.facebook.com", "v23.0", Some("/etc/ssl/acme-ca.pem")),
            business: Some("100290129340000".parse().unwrap()),
            discover_through_gateway: true,
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
    assert_eq!(config.policy, PolicySettings { rotate_after: Some(Duration::from_hours(24 * 180)) });
    let keys: Vec<_> = config.key_overrides.iter().map(|key| (key.action.as_str(), key.key.as_str())).collect();
    assert_eq!(keys, [("set_pin", "S"), ("back", "backspace")]);
}

#[test]
fn an_absent_setting_has_its_default() {
    let config = parse_config("[profile.acme]");
    assert_eq!(
        config.profile,
        Profile {
            name: CleanText::new("acme"),
            live: true,
            token: None,
            app_secret_file: None,
            endpoint: endpoint("https://graph.facebook.com", "v24.0", None),
            business: None,
            discover_through_gateway: false,
            read_only: false,
            concurrency: 8,
            wabas: vec![],
            numbers: vec![],
        }
    );
    assert!(config.profile.is_empty());
    assert_eq!((config.console, config.key_overrides), (ConsoleSettings::default(), vec![]));
    assert_eq!(config.policy, PolicySettings { rotate_after: None });
}

#[test]
fn flags_override_variables_and_variables_the_file() {
    let home = ConfigHome::new();
    let profile = |overrides: &Overrides, env: &Env| {
        home.load_config(FULL_CONFIG, overrides, env).expect("a valid config").profile
    };
    let env = Env { profile: Some("sandbox".to_owned()), ..home.env() };
    let sandbox = profile(&Overrides::default(), &env);
    assert!(sandbox.is_test());
    let command = ["pass", "show", "meta/acme"].map(str::to_owned).to_vec();
    assert_eq!((sandbox.name.as_str(), sandbox.token), ("sandbox", Some(TokenSource::Command(command))));

    let env = Env { token_file: Some("/run/token".into()), ..env };
    assert_eq!(profile(&Overrides::default(), &env).token, Some(TokenSource::File("/run/token".into())));

    let flags = Overrides { profile: Some("acme-prod".to_owned()), read_only: true, ..Overrides::default() };
    let chosen = profile(&flags, &env);
    assert_eq!((chosen.name.as_str(), chosen.read_only), ("acme-prod", true));
}

#[test]
fn read_only_in_the_file_needs_no_flag() {
    assert!(parse_config("[profile.a]\nread_only = true").profile.read_only);
}

#[test]
fn a_named_file_replaces_the_default_file() {
    let home = ConfigHome::new();
    let env = Env { config: Some(home.write_file("env.toml", 0o644, "[profile.of-env]")), ..home.env() };
    let flag =
        Overrides { config: Some(home.write_file("flag.toml", 0o644, "[profile.of-flag]")), ..Overrides::default() };
    let name = |overrides: &Overrides, env: &Env| {
        home.load_config("[profile.own]", overrides, env).expect("a valid config").profile.name.to_string()
    };
    assert_eq!(name(&Overrides::default(), &home.env()), "own");
    assert_eq!(name(&Overrides::default(), &env), "of-env");
    assert_eq!(name(&flag, &env), "of-flag");
}

#[test]
fn only_a_named_file_must_exist() {
    let home = ConfigHome::new();
    let paths = search_paths(&Overrides::default(), &home.env());
    assert_eq!(paths, [home.path(".config/pindesk/config.toml"), "/etc/pindesk/config.toml".into()]);
    // This cannot be checked on a machine with a system-wide config.
    if !Path::new("/etc/pindesk/config.toml").exists() {
        assert_eq!(preflight::load_config(&Overrides::default(), &home.env()).expect("no error"), None);
    }
    let overrides = Overrides { config: Some(home.path("gone.toml")), ..Overrides::default() };
    let error = preflight::load_config(&overrides, &home.env()).expect_err("a missing file");
    assert_snapshot!(home.without_temp_path(error), @"config file ~/gone.toml: there is no such file");
    let env = Env { config: Some(home.path("gone.toml")), ..home.env() };
    let error = preflight::load_config(&Overrides::default(), &env).expect_err("a missing file");
    assert_snapshot!(home.without_temp_path(error), @"config file ~/gone.toml: there is no such file. The variable PINDESK_CONFIG names this file");
}

#[test]
fn a_config_file_that_others_can_write_is_refused() {
    let home = ConfigHome::new();
    let load = |mode| {
        let config = Some(home.write_file("c.toml", mode, "[profile.a]"));
        preflight::load_config(&Overrides { config, ..Overrides::default() }, &home.env())
            .map_err(|error| home.without_temp_path(error))
    };
    assert!(load(0o644).is_ok());
    assert_snapshot!(load(0o664).expect_err("writable by the group"), @"config file ~/c.toml: others can write it (mode 0664). Run: chmod go-w ~/c.toml");
    assert_snapshot!(load(0o646).expect_err("writable by all"), @"config file ~/c.toml: others can write it (mode 0646). Run: chmod go-w ~/c.toml");
}

#[test]
fn only_a_regular_text_file_is_accepted() {
    let home = ConfigHome::new();
    let load = |path: PathBuf| {
        let overrides = Overrides { config: Some(path), ..Overrides::default() };
        home.without_temp_path(preflight::load_config(&overrides, &home.env()).expect_err("not a config file"))
    };
    assert_snapshot!(load(home.0.path().to_owned()), @"config file ~: it is not a regular file");
    assert_snapshot!(load("/dev/null".into()), @"config file /dev/null: it is not a regular file");
    assert_snapshot!(load(home.write_file("binary", 0o600, b"\xff\xfa")), @"config file ~/binary: it is not UTF-8 text");
    assert_snapshot!(load(home.write_file("wide", 0o600, b"\xff\xfe[\0")), @"config file ~/wide: it is UTF-16 text. Save it as UTF-8");
}

#[test]
fn a_byte_order_mark_is_not_a_part_of_the_config() {
    assert_eq!(parse_config("\u{feff}[profile.a]\r\n").profile.name.as_str(), "a");
    assert_snapshot!(config_error("\u{feff}[profil.a]\n"), @r#"
    config.toml:1:2: unknown key "profil"
      |
    1 | [profil.a]
      |  ^^^^^^
      = expected one of: default_profile, profile, escrow, policy, audit, console, keys
      = did you mean "profile"?
    "#);
}

#[test]
fn without_a_valid_profile_the_choices_are_listed() {
    assert_snapshot!(config_error(""), @"config.toml has no profile: add a table [profile.NAME]");
    assert_snapshot!(config_error("[profile.acme-prod]\n[profile.sandbox]\n"), @"config.toml has several profiles: acme-prod, sandbox. Select one with --profile NAME, PINDESK_PROFILE or default_profile");
    assert_snapshot!(config_error("default_profile = \"acme-prd\"\n[profile.acme-prod]\n[profile.sandbox]\n"), @r#"
    config.toml:1:19: there is no profile with this name
      |
    1 | default_profile = "acme-prd"
      |                   ^^^^^^^^^^
      = expected one of: acme-prod, sandbox
      = did you mean "acme-prod"?
    "#);
    let home = ConfigHome::new();
    let overrides = Overrides { profile: Some("nobody".to_owned()), ..Overrides::default() };
    assert_snapshot!(home.without_temp_path(home.load_config(FULL_CONFIG, &overrides, &home.env()).expect_err("no such profile")), @r#"config.toml has no profile "nobody", which --profile names; available: acme-prod, sandbox"#);
    let env = Env { profile: Some("nobody".to_owned()), ..home.env() };
    assert_snapshot!(home.without_temp_path(home.load_config(FULL_CONFIG, &Overrides::default(), &env).expect_err("no such profile")), @r#"config.toml has no profile "nobody", which PINDESK_PROFILE names; available: acme-prod, sandbox"#);
}
