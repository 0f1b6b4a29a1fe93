//! Parses one profile: its Graph API, credentials, WABAs and numbers.
//!
//! A profile without WABAs and numbers is allowed, because operators start with one; the console reports it. This
//! module never reads a secret.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::config::endpoint::{DEFAULT_GRAPH_URL, DEFAULT_GRAPH_VERSION, Endpoint};
use crate::config::error::ConfigError;
use crate::config::keys::ConfigSection;
use crate::config::toml_reader::{ConfigField, ConfigTable};
use crate::domain::number::{BusinessId, ParseIdError, PhoneNumberId, Waba};
use crate::domain::text::CleanText;

/// The maximum number of concurrent requests, if nothing is configured.
pub const DEFAULT_CONCURRENCY: usize = 8;

/// The largest configurable number of concurrent requests. Meta's quota limits the speed, not the connection, so more
/// requests would only put more numbers in doubt if the connection drops.
pub const MAX_CONCURRENCY: usize = 64;

/// Where pindesk reads the access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A file of mode 0600.
    File(PathBuf),
    /// A program with its arguments. It runs without a shell and writes the token to its standard output.
    Command(Vec<String>),
}

/// One profile of the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name in the config.
    pub name: CleanText,
    /// True for real numbers. Confirmations show it.
    pub live: bool,
    /// Where pindesk reads the access token; `None` if it is not configured.
    pub token: Option<TokenSource>,
    /// Where pindesk reads the app secret, if it signs requests.
    pub app_secret_file: Option<PathBuf>,
    /// The Graph API that requests go to.
    pub endpoint: Endpoint,
    /// The business portfolio whose WABAs a profile without WABAs has, if its access token names none.
    pub business: Option<BusinessId>,
    /// True if a server that is not Meta's may get the access token in a URL, to find WABAs.
    pub discover_through_gateway: bool,
    /// True if pindesk refuses every change.
    pub read_only: bool,
    /// Maximum concurrent requests, 1 to 64.
    pub concurrency: usize,
    /// The WABAs whose numbers pindesk lists. No id occurs twice.
    pub wabas: Vec<Arc<Waba>>,
    /// Single numbers, with their names in the config. No id occurs twice.
    pub numbers: Vec<(PhoneNumberId, Option<CleanText>)>,
}

impl Profile {
    /// True if requests use plain http, which is possible only to this machine. The title then shows TEST.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.endpoint.url.is_plain_http()
    }

    /// True if the access token may stand in a URL for this Graph API: it is Meta's, or on this machine, or the config
    /// allows it. A gateway may log its URLs.
    #[must_use]
    pub fn may_ask_about_token(&self) -> bool {
        self.endpoint.url.is_meta() || self.endpoint.url.is_on_this_machine() || self.discover_through_gateway
    }

    /// True if it has neither a WABA nor a number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wabas.is_empty() && self.numbers.is_empty()
    }
}

/// Parses one `[profile.NAME]`.
pub(crate) fn parse_profile(field: &ConfigField<'_>) -> Result<Profile, ConfigError> {
    let table = field.table(ConfigSection::Profile)?;
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
        business: table
            .get("business")
            .map(|field| field.parse("the ID of the business portfolio as Meta shows it, digits only"))
            .transpose()?,
        discover_through_gateway: flag("discover_through_gateway", false)?,
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
            let message = format!("{} is already set on line {}", first.key, first.line());
            Err(second.key_error(message, "either token_file or token_command").into())
        }
    }
}

/// Parses `[[profile.NAME.waba]]` or `[[profile.NAME.number]]`: ids, each once, with or without a name.
fn parse_named_ids<Id>(table: &ConfigTable<'_>, key: &str) -> Result<Vec<(Id, Option<CleanText>)>, ConfigError>
where
    Id: FromStr<Err = ParseIdError> + Copy + Eq + Hash,
{
    const EXPECTED: &str = "the ID as Meta shows it, digits only";
    let Some(field) = table.get(key) else { return Ok(Vec::new()) };
    let mut lines = HashMap::new();
    let mut named_ids = Vec::new();
    for item in field.tables()? {
        let entry = item.table(ConfigSection::NamedId)?;
        let id_field = entry.get("id").ok_or_else(|| item.key_error("id is missing", "id = \"…\" below this line"))?;
        let id: Id = id_field.parse(EXPECTED)?;
        if let Some(line) = lines.insert(id, id_field.line()) {
            let noun = if key == "waba" { "WABA" } else { key };
            let message = format!("this {noun} is already listed on line {line}");
            return Err(id_field.value_error(message, "each ID once in a profile").into());
        }
        named_ids.push((id, entry.get("name").map(|field| field.name()).transpose()?));
    }
    Ok(named_ids)
}
