//! Every key of the config file, in one table: the reader refuses any other key, and `docs/config.md` is made from it.
//!
//! It reads nothing: the modules that read a table know what its keys do.

use std::fmt::Write as _;

/// A table of the config file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSection {
    /// Above the first heading.
    Root,
    /// `[profile.NAME]`
    Profile,
    /// `[[profile.NAME.waba]]` and `[[profile.NAME.number]]`
    NamedId,
    /// `[escrow]`
    Escrow,
    /// `[policy]`
    Policy,
    /// `[audit]`
    Audit,
    /// `[console]`
    Console,
}

impl ConfigSection {
    /// In the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Root, Self::Profile, Self::NamedId, Self::Escrow, Self::Policy, Self::Audit, Self::Console];

    /// Where the section is in the file.
    #[must_use]
    pub const fn place(self) -> &'static str {
        match self {
            Self::Root => "the top of the file",
            Self::Profile => "[profile.NAME]",
            Self::NamedId => "[[profile.NAME.waba]] or [[profile.NAME.number]]",
            Self::Escrow => "[escrow]",
            Self::Policy => "[policy]",
            Self::Audit => "[audit]",
            Self::Console => "[console]",
        }
    }

    /// What the section is for, in one or two sentences.
    const fn purpose(self) -> &'static str {
        match self {
            Self::Root => "Keys of the whole file. They come before the first heading.",
            Self::Profile => {
                "A profile is one access token with the numbers that it manages. A file may have several: `--profile \
                 NAME`, `$PINDESK_PROFILE` or `default_profile` selects one."
            }
            Self::NamedId => {
                "A WABA (WhatsApp Business account), all of whose numbers are listed, or a single number. Each has a \
                 heading of its own."
            }
            Self::Escrow => {
                "Before a PIN is sent, it is encrypted to each of these keys and saved. Anyone with one of the private \
                 keys can decrypt it. Without keys there is no escrow."
            }
            Self::Policy => "Rules of your team.",
            Self::Audit => "A second record of who did what, which the account of pindesk cannot rewrite.",
            Self::Console => "How the screen behaves.",
        }
    }

    /// The heading that the keys of the example have.
    const fn example_heading(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::Profile => "[profile.acme-prod]\n",
            Self::NamedId => "[[profile.acme-prod.waba]]\n",
            Self::Escrow => "[escrow]\n",
            Self::Policy => "[policy]\n",
            Self::Audit => "[audit]\n",
            Self::Console => "[console]\n",
        }
    }

    /// The keys that the section has, in their order.
    #[must_use]
    pub fn keys(self) -> Vec<&'static str> {
        KEYS.iter().filter(|key| key.section == self).map(|key| key.name).collect()
    }
}

/// A key of the config file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigKey {
    /// Where the key belongs.
    pub section: ConfigSection,
    /// Its name.
    pub name: &'static str,
    /// Its type and bounds; `None` for a table, which has keys of its own.
    pub value: Option<&'static str>,
    /// Its default, as the file writes it; `None` if there is none.
    pub default: Option<&'static str>,
    /// What it does, in a sentence.
    pub meaning: &'static str,
    /// A value, as the file writes it.
    pub example: &'static str,
}

const fn key(
    section: ConfigSection,
    name: &'static str,
    value: &'static str,
    default: Option<&'static str>,
    meaning: &'static str,
    example: &'static str,
) -> ConfigKey {
    ConfigKey { section, name, value: Some(value), default, meaning, example }
}

const fn table(section: ConfigSection, name: &'static str) -> ConfigKey {
    ConfigKey { section, name, value: None, default: None, meaning: "", example: "" }
}

use ConfigSection::{Audit, Console, Escrow, NamedId, Policy, Profile, Root};

const FILE: &str = "an absolute path, or one that starts with `~/`";
const FLAG: &str = "`true` or `false`";

/// Every key, by section.
pub const KEYS: [ConfigKey; 31] = [
    key(
        Root,
        "default_profile",
        "the name of a profile",
        None,
        "The profile that is used if no other is selected.",
        "\"acme-prod\"",
    ),
    table(Root, "profile"),
    table(Root, "escrow"),
    table(Root, "policy"),
    table(Root, "audit"),
    table(Root, "console"),
    table(Root, "keys"),
    key(Profile, "live", FLAG, Some("true"), "Real numbers: the title shows LIVE.", "true"),
    key(
        Profile,
        "token_file",
        FILE,
        None,
        "The file with the access token. Only its owner may read it (mode 0600).",
        "\"/etc/pindesk/token\"",
    ),
    key(
        Profile,
        "token_command",
        "a list: a program and its arguments",
        None,
        "In place of `token_file`: a program that prints the access token within 30 seconds. It runs without a shell.",
        "[\"pass\", \"show\", \"meta/acme\"]",
    ),
    key(
        Profile,
        "app_secret_file",
        FILE,
        None,
        "The file with the app secret (mode 0600). Requests are then signed (`appsecret_proof`).",
        "\"/etc/pindesk/app-secret\"",
    ),
    key(
        Profile,
        "graph_url",
        "an https URL, or an http URL of this machine",
        Some("\"https://graph.facebook.com\""),
        "The Graph API. With http the title shows TEST.",
        "\"https://graph.facebook.com\"",
    ),
    key(Profile, "graph_version", "a version", Some("\"v24.0\""), "The version of the Graph API.", "\"v24.0\""),
    key(
        Profile,
        "ca_file",
        FILE,
        None,
        "A certificate authority (PEM) to trust besides those of the system.",
        "\"/etc/ssl/acme-ca.pem\"",
    ),
    key(
        Profile,
        "read_only",
        FLAG,
        Some("false"),
        "Refuse every change. `--read-only` does the same for one run.",
        "false",
    ),
    key(
        Profile,
        "business",
        "digits in quotes",
        None,
        "The business portfolio: a profile without WABAs and numbers then has its WABAs, if the access token names none.",
        "\"100290129340000\"",
    ),
    key(
        Profile,
        "discover_through_gateway",
        FLAG,
        Some("false"),
        "Also ask a `graph_url` that is not Meta's which WABAs the access token sees. The token then stands in a URL.",
        "false",
    ),
    key(Profile, "concurrency", "a whole number from 1 to 64", Some("8"), "Maximum concurrent requests.", "8"),
    table(Profile, "waba"),
    table(Profile, "number"),
    key(
        NamedId,
        "id",
        "digits in quotes",
        None,
        "The ID as Meta shows it: of the WABA, or the phone number ID. Required.",
        "\"102290129340398\"",
    ),
    key(NamedId, "name", "a text", None, "How lists and messages call it.", "\"uk-retail\""),
    key(
        Escrow,
        "recipients",
        "a list of public keys: `age1…`, `ssh-ed25519 …`, `ssh-rsa …`",
        None,
        "The keys that each PIN is encrypted to.",
        "[\"age1…\", \"ssh-ed25519 AAAA… ana@acme\"]",
    ),
    key(
        Escrow,
        "recipients_file",
        FILE,
        None,
        "A file of public keys, one a line. Both keys may be given.",
        "\"/etc/pindesk/recipients\"",
    ),
    key(
        Policy,
        "rotate_after",
        "days or weeks, from `1d` to `3650d`",
        None,
        "How old a PIN may get before the list shows that it is due. Without it no PIN is due.",
        "\"180d\"",
    ),
    key(
        Audit,
        "syslog",
        FLAG,
        Some("false"),
        "Whether each row of the audit log also goes to the local syslog (RFC 5424, to `/dev/log`), after it is recorded.",
        "false",
    ),
    key(
        Console,
        "glyphs",
        "`auto`, `ascii` or `unicode`",
        Some("\"auto\""),
        "Which characters the screen uses. `auto` uses ASCII unless the locale is UTF-8 and the terminal is known to show more.",
        "\"auto\"",
    ),
    key(
        Console,
        "show_pin",
        "seconds or minutes, from `1s` to `5m`, or `never`",
        Some("\"10s\""),
        "How long `v` shows a PIN. `never` where sessions are recorded.",
        "\"10s\"",
    ),
    key(
        Console,
        "suspend",
        FLAG,
        Some("true"),
        "Whether Ctrl-Z suspends the program. `false` in captive shells.",
        "true",
    ),
    key(Console, "bell", FLAG, Some("false"), "Whether a failure rings the bell of the terminal.", "false"),
    key(
        Console,
        "hide_after",
        "seconds, minutes or hours, from `1s` to `24h`, or `never`",
        Some("\"10m\""),
        "How long without a key before the screen is hidden and the access token is dropped.",
        "\"10m\"",
    ),
];

/// `docs/config.md`: every key with its type, default, bounds, meaning and an example.
#[must_use]
pub fn config_markdown() -> String {
    let mut out = format!("{INTRODUCTION}\n## Example\n\n```toml\n{}```\n", example());
    for section in ConfigSection::ALL {
        // Writing to a String cannot fail.
        write!(out, "\n## {}\n\n{}\n\n", heading(section), section.purpose()).ok();
        out.push_str("| key | value | default | what it does |\n|--|--|--|--|\n");
        for key in KEYS.iter().filter(|key| key.section == section) {
            let Some(value) = key.value else { continue };
            let default = key.default.map_or_else(|| "none".to_owned(), |default| format!("`{default}`"));
            let example = format!(" Example: `{} = {}`", key.name, key.example);
            writeln!(out, "| `{}` | {value} | {default} | {}{example} |", key.name, key.meaning).ok();
        }
    }
    out.push_str(KEYS_SECTION);
    out
}

fn heading(section: ConfigSection) -> String {
    match section {
        ConfigSection::Root => "The top of the file".to_owned(),
        ConfigSection::NamedId => "`[[profile.NAME.waba]]` and `[[profile.NAME.number]]`".to_owned(),
        ConfigSection::Profile
        | ConfigSection::Escrow
        | ConfigSection::Policy
        | ConfigSection::Audit
        | ConfigSection::Console => {
            format!("`{}`", section.place())
        }
    }
}

/// The keys that are comments in the example: one excludes `token_file`, and no key of the other belongs to the reader.
const COMMENTED_KEYS: [&str; 2] = ["token_command", "recipients"];

/// A config with every key.
#[must_use]
pub fn example() -> String {
    let mut out = String::new();
    for section in ConfigSection::ALL {
        let line_before = if out.is_empty() { "" } else { "\n" };
        write!(out, "{line_before}{}", section.example_heading()).ok();
        for key in KEYS.iter().filter(|key| key.section == section && key.value.is_some()) {
            let comment = if COMMENTED_KEYS.contains(&key.name) { "# " } else { "" };
            writeln!(out, "{comment}{} = {}", key.name, key.example).ok();
        }
    }
    out
}

const INTRODUCTION: &str = "\
# The config file

pindesk reads the first of these files that exists: `--config FILE`, `$PINDESK_CONFIG`,
`$XDG_CONFIG_HOME/pindesk/config.toml` (or `~/.config/pindesk/config.toml`), `/etc/pindesk/config.toml`. `pindesk config path`
prints which one that is, and `pindesk config show --defaults` what it amounts to.

It is TOML. An unknown key, a wrong type or an impossible value is reported with its line, and nothing runs: also if the
command does not need that part. Flags override environment variables, and those override the file: `--profile`
(`$PINDESK_PROFILE`), `--read-only`, `$PINDESK_TOKEN_FILE`.

No secret belongs in this file. Other users must not be able to write it.

The code generates this page: change `src/config/keys.rs`, then run `UPDATE_DOCS=1 cargo test --test tidy`.
";

const KEYS_SECTION: &str = "
## `[keys]`

Another key for an action of the console: `refresh-all = \"g\"`. It replaces the built-in keys of the action on all its pages.
[keys.md](keys.md) lists the actions. Keys that confirm, cancel or leave cannot be changed.
";
