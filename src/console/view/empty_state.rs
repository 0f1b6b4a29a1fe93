//! The pages without a number list: no config, no access token, a refused one, no numbers.
//!
//! They do not retry anything: the app does.

use super::meta_words::add_meta_words;
use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::input::keymap::{ListAction, TokenAction, WelcomeAction, table};
use crate::console::shared::TokenProblem;
use crate::console::theme::Role;
use crate::domain::outcome::ApiError;
use crate::policy::error_catalog::{self, Explanation, Situation};

pub(super) fn welcome(app: &App) -> Sheet {
    let mut sheet = Sheet::new(app, "Welcome");
    sheet.text("No config file was found.");
    let mut label = "Looked in";
    for path in &app.session().config_paths {
        sheet.field(label, &path.display().to_string());
        label = "";
    }
    sheet.optional_blank_line();
    sheet.optional_text("The README shows a config file to start from: a profile, its WABAs, and a token file.");
    sheet.optional_blank_line();
    let key = |action| app.keymap().key_label(&table::WELCOME, &action);
    sheet.key_hint(&key(WelcomeAction::StartDemo), "try the demo: made-up numbers, nothing is sent");
    sheet.key_hint(&key(WelcomeAction::Quit), "quit");
    sheet.optional_blank_line();
    sheet.text("Nothing has been sent to Meta.");
    sheet
}

pub(super) fn token(app: &App, problem: &TokenProblem) -> Sheet {
    match problem {
        TokenProblem::Missing(reason) => missing_token(app, reason),
        TokenProblem::Refused(error) => refused_token(app, error),
    }
}

fn missing_token(app: &App, reason: &str) -> Sheet {
    let session = app.session();
    let mut sheet = Sheet::new(app, "No access token");
    sheet.styled_text(reason, Role::Strong);
    for path in session.config_paths.iter().take(1) {
        sheet.field("Config", &path.display().to_string());
    }
    if session.token_source.is_empty() {
        sheet.optional_blank_line();
        sheet.text(&format!("Add one of these lines under [{}]:", profile_table(app)));
        sheet.text("  token_file    = \"/etc/pindesk/token\"        # file mode 0600");
        sheet.text("  token_command = [\"vault\", \"read\", \"-field=t\", \"ops/wa\"]");
        sheet.optional_blank_line();
        sheet.optional_text("Do not put the access token itself in the config file.");
        sheet.optional_blank_line();
        sheet.text("Then restart pindesk.");
    } else {
        sheet.field("Token source", &session.token_source);
        sheet.optional_blank_line();
        sheet.key_hint(&retry_key(app), "try again");
    }
    sheet.optional_text("To try pindesk without one:  pindesk --demo");
    sheet
}

fn retry_key(app: &App) -> String {
    app.keymap().key_label(&table::TOKEN, &TokenAction::Retry)
}

/// The name of the profile's table in the config.
fn profile_table(app: &App) -> String {
    let name = app.session().profile.as_deref().unwrap_or_default();
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.chars().all(is_bare) {
        format!("profile.{name}")
    } else {
        format!("profile.\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

pub(super) fn nothing_named(app: &App) -> Sheet {
    let session = app.session();
    let mut sheet = Sheet::new(app, "No WABA and no number");
    let profile = session.profile.as_deref().unwrap_or_default();
    let search = session.waba_search.as_deref().unwrap_or("Nothing was asked.");
    let what = format!("Profile {profile} names no WABA and no number. {search}");
    sheet.styled_text(&what, Role::Strong);
    for path in session.config_paths.iter().take(1) {
        sheet.field("Config", &path.display().to_string());
    }
    sheet.optional_blank_line();
    sheet.text("Add a WABA, a single number, or both, each with its ID:");
    sheet.optional_blank_line();
    let table = profile_table(app);
    for (kind, what) in [("waba", "every number of this WABA"), ("number", "this number")] {
        sheet.text(&format!("[[{table}.{kind}]]"));
        sheet.text(&format!("id = \"100000000000001\"   # {what}"));
        sheet.optional_blank_line();
    }
    sheet.text("Then restart pindesk.");
    sheet
}

fn refused_token(app: &App, error: &ApiError) -> Sheet {
    let mut sheet = Sheet::new(app, "Access token refused");
    let explanation = Explanation::for_error(error, Situation::Configuring);
    sheet.styled_text(&explanation.reason, Role::Strong);
    sheet.optional_blank_line();
    let press_step = format!("Press {}.", retry_key(app));
    // The key reads the access token again, and not the config.
    let last_step = Some(&*press_step).filter(|_| !error_catalog::lookup(error).changes_config);
    sheet.numbered_steps("To do", explanation.advice.iter().copied().chain(last_step));
    sheet.optional_blank_line();
    sheet.field("Token source", &app.session().token_source);
    add_meta_words(&mut sheet, error);
    sheet.optional_blank_line();
    sheet.text("pindesk sends nothing more with the old one.");
    sheet
}

pub(super) fn no_numbers(app: &App) -> Sheet {
    let progress = app.refresh_progress();
    let retry = app.keymap().key_label(&table::NO_NUMBERS, &ListAction::ReadToken);
    if progress.unread_wabas.is_empty() {
        let mut sheet = Sheet::new(app, "No numbers");
        sheet.text("Meta listed no phone number for these WABAs.");
        sheet.optional_blank_line();
        let mut label = "WABAs read";
        for waba in &app.session().wabas {
            sheet.field(label, &format!("{}   {}   0 numbers", waba.label(), waba.id));
            label = "";
        }
        sheet.optional_blank_line();
        sheet.numbered_steps(
            "To do",
            [
                "Check the WABA ID in Meta Business settings.",
                "Check that the system user has this WABA as an asset.",
                &format!("Press {retry} to try again."),
            ],
        );
        return sheet;
    }
    let mut sheet = Sheet::new(app, "Numbers could not be read");
    for (waba, failure) in &progress.unread_wabas {
        let explanation = Explanation::for_unread_waba(failure);
        sheet.field(waba.label(), &explanation.reason);
        sheet.optional_blank_line();
        sheet.numbered_steps("To do", explanation.advice.iter().copied());
        if let Some(error) = failure.api_error() {
            sheet.optional_blank_line();
            add_meta_words(&mut sheet, error);
        }
        sheet.optional_blank_line();
    }
    sheet.key_hint(&retry, "try again");
    // The key reads the lists again, and not the config.
    if progress.unread_wabas.iter().any(|(_, failure)| failure.api_error().is_some()) {
        sheet.text("After a change of the config, restart pindesk instead.");
    }
    sheet
}
