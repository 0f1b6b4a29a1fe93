//! Files that decide something, and their directories up to `/`: those that other users could read or replace are
//! refused with the command that repairs them, and the usual safe ones are used.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use super::{CliFixture, PIN, assert_refused, pin_path};
use crate::support::skip;

const ID: &str = "200000000000001";

fn set_mode(cli: &CliFixture, name: &str, mode: u32) {
    fs::set_permissions(cli.path(name), Permissions::from_mode(mode)).expect("the mode is set");
}

/// Moves a file into a directory of this mode, and names its new place in the config in place of the old one.
fn move_file(cli: &CliFixture, name: &str, dir: &str, mode: u32) -> String {
    let content = fs::read_to_string(cli.path(name)).expect("the file exists");
    let moved = cli.write_file(&format!("{dir}/{name}"), 0o600, &content);
    set_mode(cli, dir, mode);
    let config = fs::read_to_string(cli.path(CONFIG)).expect("a config");
    let old = cli.path(name).to_string_lossy().into_owned();
    fs::write(cli.path(CONFIG), config.replace(&format!("\"{old}\""), &format!("\"{moved}\""))).expect("written");
    moved
}

/// Keeps the recipients in a file of this mode in a directory of this mode.
fn use_recipients_file(cli: &CliFixture, mode: u32, dir_mode: u32) {
    cli.write_config("", &[]);
    let file = cli.write_file("keys/recipients", mode, cli.recipient());
    set_mode(cli, "keys", dir_mode);
    let config = fs::read_to_string(cli.path(CONFIG)).expect("a config");
    fs::write(cli.path(CONFIG), format!("[escrow]\nrecipients_file = \"{file}\"\n{config}")).expect("written");
}

const CONFIG: &str = ".config/pindesk/config.toml";

/// A command that reads every file but a private key, and sends nothing.
fn dry_run(pin_file: &str) -> [&str; 7] {
    ["pin", "set", ID, "--pin-file", pin_file, "--replace", "--dry-run"]
}

/// Prepares a fixture. Returns the path of the PIN file if it is not the usual one.
type SetUp = fn(&CliFixture) -> Option<String>;

/// Prepares a fixture in a safe way.
type SafeSetUp = fn(&CliFixture);

/// Asserts that each of these is refused with this message, and that nothing was sent.
#[track_caller]
fn assert_all_refused(cases: &[(&str, SetUp)]) {
    for (message, set_up) in cases {
        let cli = CliFixture::without_faults();
        let pin = set_up(&cli).unwrap_or_else(|| pin_path(&cli));
        assert_refused(&cli, &dry_run(&pin), 6, message);
    }
}

#[test]
fn state_and_config_that_others_could_replace_are_refused() {
    let cases: [(&str, SetUp); 7] = [
        ("Run: chmod 700 ~/.local/state/pindesk", |cli| {
            fs::create_dir_all(cli.state_path("")).expect("the directory is created");
            set_mode(cli, ".local/state/pindesk", 0o750);
            None
        }),
        ("others can write its directory ~/.local/state (mode 0777). Run: chmod go-w ~/.local/state", |cli| {
            fs::create_dir_all(cli.path(".local/state")).expect("the directory is created");
            set_mode(cli, ".local/state", 0o777);
            None
        }),
        ("its directory ~/.local (mode 0775). Run: chmod g-w ~/.local", |cli| {
            fs::create_dir_all(cli.path(".local/state")).expect("the directory is created");
            set_mode(cli, ".local", 0o775);
            None
        }),
        ("others can write its directory ~ (mode 0757). Run: chmod o-w ~", |cli| {
            set_mode(cli, "", 0o757);
            None
        }),
        ("Run: chmod go-w ~/.config/pindesk/config.toml", |cli| {
            set_mode(cli, CONFIG, 0o664);
            None
        }),
        ("its directory ~/.config/pindesk (mode 0775). Run: chmod g-w ~/.config/pindesk", |cli| {
            set_mode(cli, ".config/pindesk", 0o775);
            None
        }),
        ("its directory ~/shared (mode 0777). Run: chmod go-w ~/shared", |cli| {
            let target = move_file(cli, CONFIG, "shared", 0o777);
            fs::remove_file(cli.path(CONFIG)).expect("removed");
            symlink(target, cli.path(CONFIG)).expect("the link is created");
            None
        }),
    ];
    assert_all_refused(&cases);
}

#[test]
fn secrets_and_keys_that_others_could_replace_are_refused() {
    let cases: [(&str, SetUp); 7] = [
        ("access token file ~/token: others can read it (mode 0640). Run: chmod 600 ~/token", |cli| {
            set_mode(cli, "token", 0o640);
            None
        }),
        (
            "access token file ~/secrets/token: others can write its directory ~/secrets (mode 0777). Run: chmod go-w ~/secrets",
            |cli| {
                move_file(cli, "token", "secrets", 0o777);
                None
            },
        ),
        ("Run: chmod go-w ~/keys/recipients", |cli| {
            use_recipients_file(cli, 0o666, 0o700);
            None
        }),
        ("its directory ~/keys (mode 0775). Run: chmod g-w ~/keys", |cli| {
            use_recipients_file(cli, 0o600, 0o775);
            None
        }),
        ("PIN file ~/pin: others can read it (mode 0644). Run: chmod 600 ~/pin", |cli| {
            set_mode(cli, "pin", 0o644);
            None
        }),
        ("PIN file ~/pins/pin: others can write its directory ~/pins (mode 0770). Run: chmod g-w ~/pins", |cli| {
            Some(move_file(cli, "pin", "pins", 0o770))
        }),
        ("PIN file ~/a/b/pin: others can write its directory ~/a (mode 0777). Run: chmod go-w ~/a", |cli| {
            let pin = cli.write_file("a/b/pin", 0o600, PIN);
            set_mode(cli, "a", 0o777);
            Some(pin)
        }),
    ];
    assert_all_refused(&cases);
}

#[test]
fn a_private_key_below_a_shared_directory_is_refused() {
    let cli = CliFixture::without_faults();
    assert_eq!(super::set_first_pin(&cli).code, Some(0));
    let key = move_file(&cli, "key.txt", "keys", 0o777);
    let message = "key file ~/keys/key.txt: others can write its directory ~/keys (mode 0777). Run: chmod go-w ~/keys";
    assert_refused(&cli, &["escrow", "open", "--identity", &key, "--json"], 6, message);
}

#[test]
fn nothing_is_created_below_an_unsafe_directory() {
    let cli = CliFixture::without_faults();
    cli.write_file("shared/x", 0o600, "");
    set_mode(&cli, "shared", 0o777);
    let state = cli.path("shared/a/state");
    let set = ["pin", "set", ID, "--random", "--confirm", "0000", "--state-dir", state.to_str().expect("UTF-8")];
    assert_refused(&cli, &set, 6, "Run: chmod go-w ~/shared");
    assert!(!cli.path("shared/a").exists());
}

#[test]
fn a_directory_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        skip::not_allowed("changing the owner of a directory");
        return;
    }
    let cli = CliFixture::without_faults();
    move_file(&cli, "token", "theirs", 0o755);
    chown(cli.path("theirs"), Some(4321), None).expect("the owner is changed");
    let message =
        "its directory ~/theirs belongs to user 4321, who could replace it. Move it to a directory of your own";
    assert_refused(&cli, &["numbers", "list"], 6, message);
}

#[test]
fn the_usual_safe_places_are_used() {
    let cases: [(&str, SafeSetUp); 7] = [
        ("a home directory that all can read, in /tmp", |cli| set_mode(cli, "", 0o755)),
        ("a config file that all can read", |cli| set_mode(cli, CONFIG, 0o644)),
        ("a config file that the group can read", |cli| set_mode(cli, CONFIG, 0o640)),
        ("a directory with a sticky bit", |cli| {
            move_file(cli, "token", "sticky", 0o1777);
        }),
        ("a directory that the group can read", |cli| {
            move_file(cli, "token", "group", 0o750);
        }),
        ("a link to a safe config file", |cli| {
            let target = move_file(cli, CONFIG, "etc", 0o755);
            fs::remove_file(cli.path(CONFIG)).expect("removed");
            symlink(target, cli.path(CONFIG)).expect("the link is created");
        }),
        ("a linked directory, and a path with dots", |cli| {
            fs::rename(cli.path(".config"), cli.path("real")).expect("moved");
            symlink("real/../real", cli.path(".config")).expect("the link is created");
        }),
    ];
    for (name, set_up) in cases {
        let cli = CliFixture::without_faults();
        set_up(&cli);
        let output = cli.run(&dry_run(&pin_path(&cli)));
        assert_eq!(output.code, Some(0), "{name}: {output:?}");
    }
}
