//! The access token and the app secret: from a file or a command, and which files are refused.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use insta::assert_snapshot;
use pindesk::config::endpoint::AppSecret;
use pindesk::config::{Overrides, TokenSource};
use pindesk::token_source;

use super::{ConfigHome, parse_config};
use crate::support::skip;

#[test]
fn a_token_is_read_from_a_private_file() {
    let home = ConfigHome::new();
    let source = TokenSource::File(home.write_file("token", 0o600, "EAAJfake\n"));
    assert_eq!(token_source::read_token(&source).expect("a safe file").expose(), "EAAJfake");
    symlink(home.path("token"), home.path("link")).expect("a link");
    assert_eq!(
        token_source::read_token(&TokenSource::File(home.path("link"))).expect("a safe link").expose(),
        "EAAJfake"
    );
}

#[test]
fn a_symbolic_link_of_another_user_is_not_followed() {
    if !rustix::process::geteuid().is_root() {
        skip::not_allowed("changing the owner of a link, which needs root");
        return;
    }
    let home = ConfigHome::new();
    home.write_file("token", 0o600, "EAAJfake");
    symlink("token", home.path("link")).expect("a link");
    symlink("link", home.path("first")).expect("a link to a link");
    std::os::unix::fs::lchown(home.path("link"), Some(4321), None).expect("a new owner");
    let message = |name: &str| {
        home.without_temp_path(
            token_source::read_token(&TokenSource::File(home.path(name))).expect_err("an unsafe link"),
        )
    };
    let refused = "the symbolic link belongs to user 4321. Create the link yourself, or give the path of its target";
    assert_eq!(message("link"), format!("access token file ~/link: {refused}"));
    assert_eq!(message("first"), format!("access token file ~/first: {refused}"));
    symlink("circle", home.path("circle")).expect("a link");
    assert_snapshot!(message("circle"), @"access token file ~/circle: it cannot be read: Too many levels of symbolic links (os error 40)");
}

#[test]
fn an_unsafe_token_file_is_refused_with_the_chmod() {
    let home = ConfigHome::new();
    let message = |name: &str, mode, content: &[u8]| {
        let error = token_source::read_token(&TokenSource::File(home.write_file(name, mode, content)))
            .expect_err("an unsafe file");
        home.without_temp_path(error)
    };
    assert_snapshot!(message("token", 0o644, b"EAAJfake"), @"access token file ~/token: others can read it (mode 0644). Run: chmod 600 ~/token");
    assert_snapshot!(message("token", 0o640, b"EAAJfake"), @"access token file ~/token: others can read it (mode 0640). Run: chmod 600 ~/token");
    assert_snapshot!(message("token", 0o622, b"EAAJfake"), @"access token file ~/token: others can write it (mode 0622). Run: chmod 600 ~/token");
    assert_snapshot!(message("a token", 0o604, b"EAAJfake"), @"access token file ~/a token: others can read it (mode 0604). Run: chmod 600 '~/a token'");
    assert_snapshot!(message("empty", 0o600, b"\n"), @"~/empty contains no access token: it is empty");
    assert_snapshot!(message("words", 0o600, b"EAAJfake EAAJfake"), @"~/words contains no access token: it must be one line of at most 4,096 ASCII characters without spaces");
    assert_snapshot!(message("binary", 0o600, b"EAAJ\xff"), @"access token file ~/binary: it is not UTF-8 text");
    assert_snapshot!(message("large", 0o600, &vec![b'E'; 70_000]), @"access token file ~/large: it is larger than 65536 bytes");
    assert_snapshot!(home.without_temp_path(token_source::read_token(&TokenSource::File(home.path("gone"))).expect_err("a missing file")), @"access token file ~/gone: there is no such file");
    assert_snapshot!(home.without_temp_path(token_source::read_token(&TokenSource::File(home.path(""))).expect_err("a directory")), @"access token file ~/: it is not a regular file");
}

#[test]
fn a_byte_order_mark_is_not_a_part_of_a_secret() {
    let home = ConfigHome::new();
    let source = TokenSource::File(home.write_file("token", 0o600, "\u{feff}EAAJfake\r\n"));
    assert_eq!(token_source::read_token(&source).expect("a token").expose(), "EAAJfake");
    let command = ["printf", r"\357\273\277EAAJfake"].map(str::to_owned).to_vec();
    assert_eq!(token_source::read_token(&TokenSource::Command(command)).expect("a token").expose(), "EAAJfake");
}

#[test]
fn a_wrapped_token_is_named_for_what_it_is() {
    let home = ConfigHome::new();
    let wide: Vec<u8> = "EAAJfake\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let message = |content: &[u8]| {
        let source = TokenSource::File(home.write_file("token", 0o600, content));
        let message = home.without_temp_path(token_source::read_token(&source).expect_err("a wrapped token"));
        assert!(!message.contains("EAAJ"), "{message}");
        message
    };
    assert_snapshot!(message(b"\"EAAJfake\"\n"), @"~/token contains more than the access token: it is in quotation marks. Remove them");
    assert_snapshot!(message("“EAAJfake”\n".as_bytes()), @"~/token contains more than the access token: it is in quotation marks. Remove them");
    assert_snapshot!(message(b"META_TOKEN=EAAJfake\n"), @"~/token contains more than the access token: there is a name before the value (NAME=value). Keep only the value");
    assert_snapshot!(message(b"{\"access_token\":\"EAAJfake\"}\n"), @"~/token contains more than the access token: it is JSON. Keep only the value");
    assert_snapshot!(message(b"Bearer EAAJfake\n"), @"~/token contains more than the access token: there is the word Bearer before the value. Keep only the value");
    assert_snapshot!(message("EAAJ\u{200b}fake".as_bytes()), @"~/token contains more than the access token: there is an invisible character (U+200B) inside it. Remove it");
    assert_snapshot!(message(&wide), @"access token file ~/token: it is UTF-16 text. Save it as UTF-8");
    let command = TokenSource::Command(vec!["echo".to_owned(), "TOKEN=EAAJfake".to_owned()]);
    assert_snapshot!(token_source::read_token(&command).expect_err("a wrapped token"), @"the output of echo contains more than the access token: there is a name before the value (NAME=value). Keep only the value");
}

#[test]
fn a_token_is_read_from_a_command() {
    let command = |script: &str| {
        TokenSource::Command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned(), "EAAJargument".to_owned()])
    };
    assert_eq!(token_source::read_token(&command("echo EAAJfake")).expect("a token").expose(), "EAAJfake");
    let message = |source: TokenSource| token_source::read_token(&source).expect_err("a failure").to_string();
    assert_snapshot!(message(command("echo EAAJfake; exit 3")), @"token_command sh: it failed (exit status: 3)");
    assert_snapshot!(message(command("kill -9 $$")), @"token_command sh: it failed (signal: 9 (SIGKILL))");
    assert_snapshot!(message(command("true")), @"the output of sh contains no access token: it is empty");
    assert_snapshot!(message(command("echo EAAJfake; echo EAAJfake")), @"the output of sh contains no access token: it must be one line of at most 4,096 ASCII characters without spaces");
    assert_snapshot!(message(TokenSource::Command(vec!["/no/such/program".to_owned(), "EAAJfake".to_owned()])), @"token_command /no/such/program: it cannot be run: No such file or directory (os error 2)");
}

#[test]
fn credentials_are_the_token_and_the_app_secret() {
    let home = ConfigHome::new();
    home.write_file("token", 0o600, "EAAJfake");
    let secret = home.write_file("secret", 0o600, "0123abcd\n");
    let content = "[profile.a]\ntoken_file = \"~/token\"\napp_secret_file = \"~/secret\"\n";
    let profile = home.load_config(content, &Overrides::default(), &home.env()).expect("a valid config").profile;
    let credentials = token_source::load_credentials(&profile).expect("safe files").expect("a token");
    assert_eq!(
        (credentials.token.expose(), credentials.app_secret.as_ref().map(AppSecret::expose)),
        ("EAAJfake", Some("0123abcd"))
    );
    fs::set_permissions(secret, Permissions::from_mode(0o640)).expect("its mode");
    assert_snapshot!(home.without_temp_path(token_source::load_credentials(&profile).expect_err("readable by the group")), @"app secret file ~/secret: others can read it (mode 0640). Run: chmod 600 ~/secret");
    assert!(token_source::load_credentials(&parse_config("[profile.a]").profile).expect("nothing to read").is_none());
}
