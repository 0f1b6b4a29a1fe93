//! The pages where there is nothing to list: no config, no access token, a refused one, no numbers.

use super::sheet::Sheet;
use crate::console::app::App;
use crate::console::app::screen::TokenTrouble;
use crate::console::theme::Role;

pub(super) fn welcome(app: &App) -> Sheet {
    let mut sheet = Sheet::new(app, "Welcome");
    sheet.text("No config file was found.");
    let mut label = "Looked in";
    for place in &app.session().config_places {
        sheet.field(label, &place.display().to_string());
        label = "";
    }
    sheet.extra_gap();
    sheet.extra("The README shows a config file to start from: a profile, its WABAs, and a token file.");
    sheet.extra_gap();
    sheet.key("t", "try the demo: made-up numbers, nothing is sent");
    sheet.key("q", "quit");
    sheet.extra_gap();
    sheet.text("Nothing has been sent to Meta.");
    sheet
}

pub(super) fn token(app: &App, trouble: &TokenTrouble) -> Sheet {
    match trouble {
        TokenTrouble::Missing(why) => missing_token(app, why),
        TokenTrouble::Refused { code, reason } => refused_token(app, *code, reason),
    }
}

fn missing_token(app: &App, why: &str) -> Sheet {
    let session = app.session();
    let mut sheet = Sheet::new(app, "No access token");
    sheet.styled(why, Role::Strong);
    for place in session.config_places.iter().take(1) {
        sheet.field("Config", &place.display().to_string());
    }
    if session.token_place.is_empty() {
        sheet.extra_gap();
        let profile = session.profile.as_deref().unwrap_or_default();
        sheet.text(&format!("Add one of these lines under [profile.{profile}]:"));
        sheet.text("  token_file    = \"/etc/pindesk/token\"        # file mode 0600");
        sheet.text("  token_command = [\"vault\", \"read\", \"-field=t\", \"ops/wa\"]");
        sheet.extra_gap();
        sheet.extra("Do not put the access token itself in the config file.");
        sheet.extra_gap();
        sheet.text("Then start pindesk again.");
    } else {
        sheet.field("Its source", &session.token_place);
        sheet.extra_gap();
        sheet.key("r", "try again");
    }
    sheet.extra("To look around without one:  pindesk --demo");
    sheet
}

fn refused_token(app: &App, code: i64, reason: &str) -> Sheet {
    let mut sheet = Sheet::new(app, "Access token refused");
    sheet.styled(&format!("{reason} ({code})"), Role::Strong);
    sheet.extra_gap();
    let place = format!("Put it where the config says: {}", app.session().token_place);
    sheet.steps(
        "To do",
        ["Make a new access token for the system user in Meta Business settings.", place.as_str(), "Press r."],
    );
    sheet.extra_gap();
    sheet.text("Nothing more is sent with the old one.");
    sheet
}

pub(super) fn no_numbers(app: &App) -> Sheet {
    let reading = app.reading();
    if reading.unread.is_empty() {
        let mut sheet = Sheet::new(app, "No numbers");
        sheet.text("The access token works, but it sees no phone numbers.");
        sheet.extra_gap();
        let mut label = "WABAs read";
        for waba in &app.session().wabas {
            sheet.field(label, &format!("{}   {}   0 numbers", waba.label(), waba.id));
            label = "";
        }
        sheet.extra_gap();
        sheet.steps(
            "To do",
            [
                "Check the WABA ID in Meta Business settings.",
                "Check that the system user has this WABA as an asset.",
                "Press r to look again.",
            ],
        );
        return sheet;
    }
    let mut sheet = Sheet::new(app, "No numbers could be read");
    for (waba, failure) in &reading.unread {
        let told = crate::catalogue::Explanation::for_read_failure(failure);
        sheet.field(waba.label(), &told.reason);
        sheet.extra_gap();
        sheet.steps("To do", told.advice.iter().copied());
        sheet.extra_gap();
    }
    sheet.key("r", "look again");
    sheet
}
