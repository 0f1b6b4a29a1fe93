//! What Meta says of the access token: in the title, and as messages while its end is near.

use std::time::Duration;

use pindesk::console::app::Msg;
use pindesk::domain::text::CleanText;
use pindesk::domain::token_info::{GrantedWabas, TokenExpiry, TokenInfo};

use crate::support::app_fixture::{AppFixture, recording_with_escrow};

/// A console that was told when its access token expires, and with which permissions.
fn console(size: (u16, u16), hours_left: Option<u64>, scopes: &[&str]) -> AppFixture {
    let mut console = AppFixture::loaded(size, recording_with_escrow());
    let at = hours_left.map(|hours| console.now.utc.plus(Duration::from_hours(hours)));
    let info = TokenInfo {
        is_valid: true,
        token_type: None,
        expiry: at.map_or(TokenExpiry::Never, TokenExpiry::At),
        scopes: scopes.iter().map(|scope| CleanText::new(scope)).collect(),
        user: None,
        wabas: GrantedWabas::All,
    };
    console.update(Msg::TokenInfoRead(Box::new(info)));
    console
}

const SCOPES: [&str; 1] = ["whatsapp_business_management"];

#[test]
fn the_title_says_how_long_the_token_lasts() {
    console((80, 24), Some(24 * 58), &SCOPES).sees("online token 58 d").does_not_see("expires");
    console((80, 24), None, &SCOPES).sees("online token never expires");
    // A narrow title keeps the profile.
    console((40, 10), None, &SCOPES).sees("acme").does_not_see("token");
}

#[test]
fn the_end_of_the_token_is_warned_of() {
    console((120, 30), Some(24 * 14), &SCOPES).sees("The access token expires in 14 d, on ");
    console((120, 30), Some(42), &SCOPES).sees("The access token expires in 42 h, on ").sees("online token 42 h");
}

#[test]
fn a_missing_permission_is_named() {
    console((120, 30), None, &["email"]).sees("The access token lacks the permission whatsapp_business_management.");
}
