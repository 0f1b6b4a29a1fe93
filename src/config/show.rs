//! Writes a checked config as TOML, so that an operator sees what the file, the environment and the flags amount to.
//!
//! It shows only the selected profile, and no argument of `token_command`, because one may hold a secret.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::config::keys::{ConfigSection, KEYS};
use crate::config::toml_reader::{days_text, time_text};
use crate::config::{Config, GlyphChoice, TokenSource};
use crate::domain::number::Waba;
use crate::domain::text::{CleanText, needs_escape};

impl Config {
    /// The config as TOML: the keys whose values are not the defaults, or also those that are.
    #[must_use]
    pub fn to_toml(&self, with_defaults: bool) -> String {
        let mut out = format!("# {}\n", CleanText::new(&self.path.display().to_string()));
        let profile = format!("profile.{}", bare_or_quoted(self.profile.name.original()));
        self.push_section(&mut out, ConfigSection::Profile, &profile, with_defaults);
        for waba in &self.profile.wabas {
            let Waba { id, name } = &**waba;
            push_named_id(&mut out, &format!("{profile}.waba"), id.as_str(), name.as_ref());
        }
        for (id, name) in &self.profile.numbers {
            push_named_id(&mut out, &format!("{profile}.number"), id.as_str(), name.as_ref());
        }
        for (section, heading) in [
            (ConfigSection::Escrow, "escrow"),
            (ConfigSection::Policy, "policy"),
            (ConfigSection::Audit, "audit"),
            (ConfigSection::Console, "console"),
        ] {
            self.push_section(&mut out, section, heading, with_defaults);
        }
        // Writing to a String cannot fail.
        if !self.key_overrides.is_empty() {
            out.push_str("\n[keys]\n");
        }
        for line in &self.key_overrides {
            writeln!(out, "{} = {}", bare_or_quoted(&line.action), quoted(&line.key)).ok();
        }
        out
    }

    /// Writes the heading and the keys of a section. A section without keys is left out, except the profile.
    fn push_section(&self, out: &mut String, section: ConfigSection, heading: &str, with_defaults: bool) {
        let mut lines = String::new();
        for key in KEYS.iter().filter(|key| key.section == section) {
            let value = self.value_of(key.name);
            if let Some(value) = value.filter(|value| with_defaults || Some(value.as_str()) != key.default) {
                writeln!(lines, "{} = {value}", key.name).ok();
            }
        }
        if !lines.is_empty() || section == ConfigSection::Profile {
            write!(out, "\n[{heading}]\n{lines}").ok();
        }
    }

    /// The value of a key as the file writes it; `None` if it has none.
    fn value_of(&self, name: &str) -> Option<String> {
        let (profile, console) = (&self.profile, &self.console);
        let path = |path: &Path| quoted(&path.to_string_lossy());
        let time = |time: Option<Duration>| quoted(&time.map_or_else(|| "never".to_owned(), time_text));
        let value = match name {
            "live" => profile.live.to_string(),
            "token_file" => match profile.token.as_ref()? {
                TokenSource::File(file) => path(file),
                TokenSource::Command(_) => return None,
            },
            "token_command" => match profile.token.as_ref()? {
                TokenSource::Command(argv) => command_text(argv),
                TokenSource::File(_) => return None,
            },
            "app_secret_file" => path(profile.app_secret_file.as_deref()?),
            "graph_url" => quoted(&profile.endpoint.url.to_string()),
            "graph_version" => quoted(&profile.endpoint.version.to_string()),
            "ca_file" => path(profile.endpoint.ca_file.as_deref()?),
            "business" => quoted(profile.business?.as_str()),
            "discover_through_gateway" => profile.discover_through_gateway.to_string(),
            "read_only" => profile.read_only.to_string(),
            "concurrency" => profile.concurrency.to_string(),
            "recipients" if !self.escrow.recipients.is_empty() => {
                let keys: Vec<_> = self.escrow.recipients.iter().map(|key| quoted(key)).collect();
                format!("[\n    {},\n]", keys.join(",\n    "))
            }
            "recipients_file" => path(self.escrow.recipients_file.as_deref()?),
            "rotate_after" => quoted(&days_text(self.policy.rotate_after?)),
            "syslog" => self.audit.syslog.to_string(),
            "glyphs" => quoted(match console.glyphs {
                GlyphChoice::Auto => "auto",
                GlyphChoice::Ascii => "ascii",
                GlyphChoice::Unicode => "unicode",
            }),
            "show_pin" => time(console.show_pin),
            "suspend" => console.suspend.to_string(),
            "bell" => console.bell.to_string(),
            "hide_after" => time(console.hide_after),
            _ => return None,
        };
        Some(value)
    }
}

fn push_named_id(out: &mut String, heading: &str, id: &str, name: Option<&CleanText>) {
    write!(out, "\n[[{heading}]]\nid = {}\n", quoted(id)).ok();
    if let Some(name) = name {
        writeln!(out, "name = {}", quoted(name.original())).ok();
    }
}

fn command_text(argv: &[String]) -> String {
    let program = quoted(argv.first().map_or("", String::as_str));
    if argv.len() < 2 {
        format!("[{program}]")
    } else {
        format!("[{program}, \"…\"]    # the arguments are not shown")
    }
}

/// A text as a TOML string that gives a terminal no control character.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if c == '"' || c == '\\' {
            out.extend(['\\', c]);
        } else if needs_escape(c) {
            write!(out, "\\U{:08X}", u32::from(c)).ok();
        } else {
            out.push(c);
        }
    }
    out.push('"');
    out
}

/// A name as a TOML key.
fn bare_or_quoted(name: &str) -> String {
    let is_bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { name.to_owned() } else { quoted(name) }
}
