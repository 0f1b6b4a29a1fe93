//! One profile: which Graph API, with which credentials, for which WABAs and numbers.
//!
//! A profile without WABAs and numbers is allowed, because operators start with one; the console says so. This module
//! reads no secret.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::config::endpoint::{DEFAULT_GRAPH_URL, DEFAULT_GRAPH_VERSION, Endpoint};
use crate::config::error::ConfigError;
use crate::config::toml_reader::{ConfigField, ConfigTable, NAMED_ID_KEYS, PROFILE_KEYS};
use crate::domain::number::{ParseIdError, PhoneNumberId, Waba};
use crate::domain::text::CleanText;

/// The maximum of concurrent requests if nothing is configured.
pub const DEFAULT_CONCURRENCY: usize = 8;

/// Meta's quota limits the speed, not the connection. More requests in flight only put more numbers in doubt when the
/// connection drops.
pub const MAX_CONCURRENCY: usize = 64;

/// Where the access token is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A file of mode 0600.
    File(PathBuf),
    /// A program and its arguments, run without a shell. It writes the token to its standard output.
    Command(Vec<String>),
}

/// One profile of the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name in the config.
    pub name: CleanText,
    /// True for real numbers: confirmations say so.
    pub live: bool,
    /// Where the access token is read from.
    pub token: Option<TokenSource>,
    /// Where the app secret is read from, if requests are signed.
    pub app_secret_file: Option<PathBuf>,
    /// Where requests go.
    pub endpoint: Endpoint,
    /// True if every change is refused.
    pub read_only: bool,
    /// Maximum concurrent requests, 1 to 64.
    pub concurrency: usize,
    /// WABAs whose numbers are listed. No id occurs twice.
    pub wabas: Vec<Arc<Waba>>,
    /// Single numbers, with their names in the config. No id occurs twice.
    pub numbers: Vec<(PhoneNumberId, Option<CleanText>)>,
}

impl Profile {
    /// True if requests go over plain http, which is possible only to this machine. The title then shows TEST.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.endpoint.url.is_plain_http()
    }

    /// True if it has neither a WABA nor a number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wabas.is_empty() && self.numbers.is_empty()
    }
}

/// One `[profile.NAME]`.
pub(crate) fn parse_profile(field: &ConfigField<'_>) -> Result<Profile, ConfigError> {
    let table = field.table(&PROFILE_KEYS)?;
    if field.key.is_empty() {
        return Err(field.key_error("this name is empty", "[profile.NAME]").into());
    }
    let flag = |key, default| table.get(key).map_or(Ok(default), |field| field.boolean());
    let path = |key| table.get(key).map(|field| field.path()).transpose();
    let numbers = parse_named_ids(&table, "number")?;
    let wabas = parse_named_ids(&table, "waba")?;
    Ok(Profile {
        name: CleanText::new(field.key),
        live: flag("live", true)?,
        token: parse_token_source(&table)?,
        app_secret_file: path("app_secret_file")?,
        endpoint: Endpoint {
            url: table.parse_or_default("graph_url", DEFAULT_GRAPH_URL, "a URL such as https://graph.facebook.com")?,
            version: table.parse_or_default("graph_version", DEFAULT_GRAPH_VERSION, "a version such as v24.0")?,
            ca_file: path("ca_file")?,
        },
        read_only: flag("read_only", false)?,
        concurrency: table
            .get("concurrency")
            .map_or(Ok(DEFAULT_CONCURRENCY), |field| field.integer(&(1..=MAX_CONCURRENCY)))?,
        wabas: wabas.into_iter().map(|(id, name)| Arc::new(Waba { id, name })).collect(),
        numbers,
    })
}

fn parse_token_source(table: &ConfigTable<'_>) -> Result<Option<TokenSource>, ConfigError> {
    match (table.get("token_file"), table.get("token_command")) {
        (None, None) => Ok(None),
        (Some(file), None) => Ok(Some(TokenSource::File(file.path()?))),
        (None, Some(command)) => {
            let words = command.strings("a program and its arguments, such as [\"pass\", \"show\", \"meta/acme\"]")?;
            Ok(Some(TokenSource::Command(words.into_iter().map(str::to_owned).collect())))
        }
        (Some(file), Some(command)) => {
            let (first, second) = if file.line() < command.line() { (file, command) } else { (command, file) };
            let what = format!("there is {} already, on line {}", first.key, first.line());
            Err(second.key_error(what, "either token_file or token_command").into())
        }
    }
}

/// `[[profile.NAME.waba]]` or `[[profile.NAME.number]]`: ids, each once, with or without a name.
fn parse_named_ids<Id>(table: &ConfigTable<'_>, key: &str) -> Result<Vec<(Id, Option<CleanText>)>, ConfigError>
where
    Id: FromStr<Err = ParseIdError> + Copy + Eq + Hash,
{
    const EXPECTED: &str = "the ID as Meta shows it, digits only";
    let Some(field) = table.get(key) else { return Ok(Vec::new()) };
    let mut lines = HashMap::new();
    let mut found = Vec::new();
    for item in field.tables()? {
        let entry = item.table(&NAMED_ID_KEYS)?;
        let id_field = entry.get("id").ok_or_else(|| item.key_error("there is no id", "id = \"…\" below this line"))?;
        let id: Id = id_field.parse(EXPECTED)?;
        if let Some(line) = lines.insert(id, id_field.line()) {
            let noun = if key == "waba" { "WABA" } else { key };
            let what = format!("this {noun} is listed already, on line {line}");
            return Err(id_field.value_error(what, "each ID once in a profile").into());
        }
        found.push((id, entry.get("name").map(|field| field.name()).transpose()?));
    }
    Ok(found)
}
