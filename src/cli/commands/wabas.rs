//! `pindesk wabas`: the WABAs that the access token sees, and what Meta tells about the token. It changes nothing.

use std::io::{self, Write as _};

use clap::Subcommand;
use serde::Serialize;

use crate::cli::args::GlobalArgs;
use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::options::OutputOptions;
use crate::cli::output::stdio::{eprint_line, exit_code_after_print, print_json, write_line};
use crate::cli::output::table::{Cell, Column, Table, UNKNOWN, pluralize};
use crate::cli::pauses;
use crate::cli::read_failure;
use crate::cli::records::require_config;
use crate::cli::runtime::{build_runtime, open_graph};
use crate::config::{Env, Overrides, Profile};
use crate::domain::clock::UtcTime;
use crate::domain::json_text::SCHEMA_VERSION;
use crate::domain::number::{Waba, WabaId};
use crate::domain::text::CleanText;
use crate::domain::token_info::{GrantedWabas, TokenExpiry, TokenInfo};
use crate::numbers::discovery::{TokenSight, read_token_sight};
use crate::policy::error_catalog::{Explanation, TOKEN_PERMISSIONS};

#[derive(Debug, Subcommand)]
pub(crate) enum WabasCommand {
    /// List the WABAs that the access token sees, and what the token may do
    List {
        /// JSON Lines, ending with a summary: docs/json.md has the fields
        #[arg(long)]
        json: bool,
    },
}

const COLUMNS: [Column; 3] = [Column::flexible("NAME", 30, 6), Column::fixed("IN CONFIG", 9), Column::fixed("ID", 17)];

/// A WABA as scripts see it.
#[derive(Serialize)]
struct WabaRecord<'a> {
    schema: u8,
    event: &'static str,
    waba_id: &'a str,
    waba_name: Option<&'a str>,
    configured: bool,
}

/// The last line for scripts.
#[derive(Serialize)]
struct WabasSummary<'a> {
    schema: u8,
    event: &'static str,
    total: usize,
    token_type: Option<&'a str>,
    expires_at: Option<String>,
    never_expires: Option<bool>,
    scopes: Vec<&'a str>,
    missing_scopes: Vec<&'static str>,
    unseen_wabas: Vec<String>,
}

pub(crate) fn run(
    command: &WabasCommand,
    overrides: &Overrides,
    env: &Env,
    global: &GlobalArgs,
) -> Result<ExitCode, CliError> {
    let WabasCommand::List { json } = command;
    let profile = require_config(overrides, env)?.profile;
    if !profile.may_ask_about_token() {
        let host = profile.endpoint.url.host_and_port();
        let what = format!("{host} is not Meta's, and the access token would stand in a URL there. Nothing was asked.");
        let key =
            format!("To ask it all the same, set discover_through_gateway = true under [profile.{}].", profile.name);
        return Err(CliError::not_ready(what).remedy(key));
    }
    let graph = open_graph(&profile)?;
    let options = OutputOptions::new(*json, global);
    let pace = pauses::new_pace(&profile, profile.concurrency, options);
    let sight = build_runtime()?.block_on(read_token_sight(&graph, &pace, profile.business)).map_err(|failure| {
        let explanation = Explanation::for_unread_token(&failure);
        let what = format!("which WABAs the access token sees could not be read. {}", explanation.reason);
        CliError::new(read_failure::exit_code(&failure), what).remedies(explanation.advice)
    })?;
    if !sight.token.is_valid {
        return Err(CliError::new(ExitCode::NoAccess, "Meta does not accept the access token any longer"));
    }
    let now = UtcTime::now();
    if !options.is_quiet {
        for note in notes(&sight, &profile, now) {
            eprint_line(&format!("pindesk: {note}"));
        }
    }
    let printed = if *json { print_records(&sight, &profile) } else { print_table(&sight, &profile, now, options) };
    exit_code_after_print(printed, ExitCode::Done)
}

fn is_configured(profile: &Profile, id: WabaId) -> bool {
    profile.wabas.iter().any(|waba| waba.id == id)
}

/// The WABAs of the config that the access token does not see.
fn unseen_wabas(sight: &TokenSight, profile: &Profile) -> Vec<WabaId> {
    let is_unseen = |waba: &WabaId| !sight.wabas.iter().any(|seen| seen.id == *waba);
    profile.wabas.iter().map(|waba| waba.id).filter(is_unseen).collect()
}

/// The permissions that the access token needs and lacks.
fn missing_scopes(token: &TokenInfo) -> Vec<&'static str> {
    TOKEN_PERMISSIONS.iter().map(|permission| permission.name).filter(|name| !token.has_scope(name)).collect()
}

/// What an operator should know besides the list.
fn notes(sight: &TokenSight, profile: &Profile, now: UtcTime) -> Vec<String> {
    let missing = TOKEN_PERMISSIONS.iter().filter(|permission| !sight.token.has_scope(permission.name));
    let mut notes: Vec<String> = missing
        .map(|permission| format!("the access token lacks the permission {} ({})", permission.name, permission.purpose))
        .collect();
    notes.extend(sight.token.expiry_warning(now));
    let unseen: Vec<String> = unseen_wabas(sight, profile).iter().map(WabaId::to_string).collect();
    match unseen.as_slice() {
        [] => {}
        [one] => notes.push(format!("the access token does not see WABA {one} of the config")),
        many => notes.push(format!("the access token does not see these WABAs of the config: {}", many.join(", "))),
    }
    if sight.token.wabas == GrantedWabas::All && profile.business.is_none() {
        notes.push(format!(
            "the access token names no WABA. To find those of your business, set business under [profile.{}]",
            profile.name
        ));
    }
    notes
}

fn print_records(sight: &TokenSight, profile: &Profile) -> io::Result<()> {
    for waba in &sight.wabas {
        print_json(&WabaRecord {
            schema: SCHEMA_VERSION,
            event: "waba",
            waba_id: waba.id.as_str(),
            waba_name: waba.name.as_ref().map(CleanText::original),
            configured: is_configured(profile, waba.id),
        })?;
    }
    let token = &sight.token;
    let (expires_at, never_expires) = match token.expiry {
        TokenExpiry::Unknown => (None, None),
        TokenExpiry::Never => (None, Some(true)),
        TokenExpiry::At(at) => (Some(at.to_rfc3339()), Some(false)),
    };
    print_json(&WabasSummary {
        schema: SCHEMA_VERSION,
        event: "summary",
        total: sight.wabas.len(),
        token_type: token.token_type.as_ref().map(CleanText::original),
        expires_at,
        never_expires,
        scopes: token.scopes.iter().map(CleanText::original).collect(),
        missing_scopes: missing_scopes(token),
        unseen_wabas: unseen_wabas(sight, profile).iter().map(WabaId::to_string).collect(),
    })
}

fn print_table(sight: &TokenSight, profile: &Profile, now: UtcTime, options: OutputOptions) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if !sight.wabas.is_empty() {
        let mut table = Table::new(&COLUMNS);
        for waba in &sight.wabas {
            let is_configured = if is_configured(profile, waba.id) { "yes" } else { "no" };
            table.push([name_cell(waba), is_configured.into(), waba.id.as_str().into()]);
        }
        table.print(options.style, &mut out)?;
    }
    let token = &sight.token;
    let token_type = token.token_type.as_ref().map_or("of unknown type", CleanText::as_str);
    let expiry = token.expiry_label(now).unwrap_or_else(|| "end unknown".to_owned());
    let scopes: Vec<&str> = token.scopes.iter().map(CleanText::as_str).collect();
    writeln!(out, "{}. Access token: {token_type}, {expiry}.", pluralize(sight.wabas.len(), "WABA"))?;
    let scopes = if scopes.is_empty() { "none".to_owned() } else { scopes.join(", ") };
    write_line(&mut out, &format!("Permissions: {scopes}"))
}

fn name_cell(waba: &Waba) -> Cell<'_> {
    waba.name.as_ref().map_or(UNKNOWN, CleanText::as_str).into()
}
