//! The recipe that decrypts the escrow file with the age program alone.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use pindesk::domain::clock::UtcTime;
use pindesk::escrow::{EscrowEntry, recipe};

use super::{ENCRYPTED_AT, EscrowFixture, LOCK_TIMEOUT, NUMBER, change, encrypt, find_tool, recipients};

/// Runs a line of the recipe in a shell, with the path of the key file and the number filled in.
fn run_recipe(shell: &str, command: &str, key: &Path, number: &str) -> String {
    let key = format!("'{}'", key.display().to_string().replace('\'', r"'\''"));
    let command = command.replace("-i FILE", &format!("-i {key}")).replace("\"ID\"", &format!("\"{number}\""));
    let mut shell = find_tool(shell).expect("an installed shell");
    let output = shell.arg("-c").arg(command).current_dir("/").stdin(Stdio::null()).output().expect("it ran");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_recipe_decrypts_every_line_with_the_age_program() {
    let fixture = EscrowFixture::new();
    if find_tool("age").is_none() {
        return;
    }
    let mut team = vec![fixture.age_key("it's a key.txt")];
    team.extend(fixture.ssh_key("ed25519", &["-t", "ed25519"], ""));
    team.extend(fixture.ssh_key("rsa", &["-t", "rsa", "-b", "3072"], ""));
    if let Some(mut keygen) = find_tool("age-keygen") {
        let path = fixture.path("keygen.txt");
        assert!(keygen.arg("-o").arg(&path).stderr(Stdio::null()).status().expect("it ran").success());
        let text = fs::read_to_string(&path).expect("the key file");
        let public = text.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("the public key");
        team.push((path, public.to_owned()));
    }
    let public_keys: Vec<&str> = team.iter().map(|(_, public)| public.as_str()).collect();
    let team_keys = recipients(&public_keys);
    let entries: Vec<EscrowEntry> =
        (0..3).map(|n| encrypt(&team_keys, &format!("10654035210014{n}"), &format!("01234{n}"))).collect();
    fixture.append(&entries[..2]);
    // A torn line of a writer that was killed, and then a line of the next writer: the recipe must survive both.
    let whole = fs::read(fixture.escrow_path()).expect("the file");
    let torn = &whole[..whole.iter().position(|byte| *byte == b'\n').expect("an end") - 40];
    let mut file = fs::OpenOptions::new().append(true).open(fixture.escrow_path()).expect("the file");
    file.write_all(torn).expect("a torn line");
    fixture.append(&entries[2..]);
    file.write_all(torn).expect("a torn line");

    let text = |n: usize| {
        let EscrowEntry { change, number, .. } = &entries[n];
        format!(
            r#"{{"v":1,"change":"{change}","phone_number_id":"{number}","waba_id":"102290129340398","at":"2026-11-22T14:05:02Z","pin":"01234{n}"}}"#
        )
    };
    let recipe = recipe(fixture.state_dir.path());
    let commands: Vec<&str> = recipe.lines().filter(|line| !line.starts_with('#')).collect();
    let [last, of_number, every] = commands[..] else { panic!("{recipe}") };
    for shell in ["bash", "dash"] {
        if find_tool(shell).is_none() {
            continue;
        }
        for (key, public) in &team {
            assert_eq!(run_recipe(shell, last, key, ""), text(2), "{shell}: {public}");
            assert_eq!(run_recipe(shell, of_number, key, "106540352100140"), text(0), "{shell}: {public}");
            let whole = format!("{}\n{}\n{}\n", text(0), text(1), text(2));
            assert_eq!(run_recipe(shell, every, key, ""), whole, "{shell}: {public}");
        }
    }
}

#[test]
fn the_recipe_sorts_entries_by_time() {
    let fixture = EscrowFixture::new();
    if find_tool("age").is_none() {
        return;
    }
    let (key, public) = fixture.age_key("key.txt");
    let team = recipients(&[&public]);
    // A repair appends old entries after newer ones.
    let encrypt_at = |pin: &str, at: UtcTime| team.encrypt(&change(NUMBER, pin), at).expect("encrypted");
    // The last two have the same second, as when a script sets them.
    let (old, middle, new) = (
        encrypt_at("111213", ENCRYPTED_AT),
        encrypt_at("222324", ENCRYPTED_AT.plus(LOCK_TIMEOUT)),
        encrypt_at("333435", ENCRYPTED_AT.plus(LOCK_TIMEOUT)),
    );
    fixture.append(&[new, middle, old]);
    let recipe = recipe(fixture.state_dir.path());
    let pins = |command: &str| -> Vec<String> {
        let text = run_recipe("sh", command, &key, NUMBER);
        text.split("\"pin\":\"").skip(1).map(|rest| rest[..6].to_owned()).collect()
    };
    let decrypted: Vec<_> = recipe.lines().filter(|line| !line.starts_with('#')).map(pins).collect();
    assert_eq!(decrypted, [vec!["333435"], vec!["333435"], vec!["111213", "222324", "333435"]]);
    assert!(recipe.contains("by the times in the file") && recipe.contains("pindesk escrow open"), "{recipe}");
}
