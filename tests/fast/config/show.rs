//! The config as `config show` prints it.

use insta::assert_snapshot;
use pindesk::config::{Overrides, keys};

use super::{ConfigHome, parse_config};

#[test]
fn a_config_shows_what_is_not_a_default() {
    let home = ConfigHome::new();
    let show = |content: &str| {
        let config = home.load_config(content, &Overrides::default(), &home.env()).expect("a valid config");
        home.without_temp_path(config.to_toml(false))
    };
    assert_snapshot!(show("[profile.a]\n"), @"
    # config.toml

    [profile.a]
    ");
    let content = "[profile.\"a b\"]\nconcurrency = 9\nlive = true\ntoken_command = [\"pass\", \"meta\"]\n\
                   [[profile.\"a b\".waba]]\nid = \"7\"\nname = \"\\u202euk \\\"x\\\"\"\n\
                   [[profile.\"a b\".number]]\nid = \"8\"\n\
                   [policy]\nrotate_after = \"26w\"\n[console]\nhide_after = \"never\"\nshow_pin = \"60s\"\n\
                   [keys]\nrefresh-all = \"g\"\n";
    assert_snapshot!(show(content), @r#"
    # config.toml

    [profile."a b"]
    token_command = ["pass", "…"]    # the arguments are not shown
    concurrency = 9

    [[profile."a b".waba]]
    id = "7"
    name = "\U0000202Euk \"x\""

    [[profile."a b".number]]
    id = "8"

    [policy]
    rotate_after = "26w"

    [console]
    show_pin = "1m"
    hide_after = "never"

    [keys]
    refresh-all = "g"
    "#);
}

#[test]
fn a_config_that_is_shown_reads_the_same() {
    const KEY: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    let recipients = format!("[escrow]\nrecipients = [\"{KEY}\"]");
    let config = parse_config(&keys::example().replace("[escrow]", &recipients));
    let shown = config.to_toml(true);
    let again = parse_config(&shown);
    assert_eq!(
        (&again.profile, &again.escrow, &again.policy, &again.console, &again.key_overrides),
        (&config.profile, &config.escrow, &config.policy, &config.console, &config.key_overrides)
    );
    let missing = keys::KEYS.iter().filter(|key| key.value.is_some() && !shown.contains(&format!("{} = ", key.name)));
    let missing: Vec<_> = missing.map(|key| key.name).collect();
    assert_eq!(missing, ["default_profile", "token_command"], "they exclude what is shown");
}

#[test]
fn the_documented_defaults_are_those_of_the_program() {
    let mut text = "[profile.a]\n".to_owned();
    for section in [keys::ConfigSection::Profile, keys::ConfigSection::Console] {
        if section == keys::ConfigSection::Console {
            text.push_str("[console]\n");
        }
        for key in keys::KEYS.iter().filter(|key| key.section == section) {
            text.extend(key.default.map(|default| format!("{} = {default}\n", key.name)));
        }
    }
    let (documented, absent) = (parse_config(&text), parse_config("[profile.a]\n"));
    assert_eq!((&documented.profile, &documented.console), (&absent.profile, &absent.console));
    let shown = parse_config("[profile.a]\n").to_toml(true);
    for key in keys::KEYS.iter().filter(|key| key.default.is_some()) {
        let line = format!("{} = {}\n", key.name, key.default.unwrap_or_default());
        assert!(shown.contains(&line), "{line} is not in\n{shown}");
    }
}
