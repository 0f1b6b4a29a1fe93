//! The escrow through its public face, and what it wrote through the stock `age` program.

mod support {
    #[expect(dead_code, reason = "shared with tests that use more of it")]
    pub(crate) mod skip;
}

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use age::secrecy::SecretString;
use age::x25519;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use pindesk::config::EscrowSettings;
use pindesk::domain::change::{Change, ChangeId, JobId, StatusBefore};
use pindesk::domain::clock::UtcTime;
use pindesk::domain::number::TwoStep;
use pindesk::domain::pin::Pin;
use pindesk::escrow::decrypt::{DecryptPinError, DecryptedPin, Identities, IdentityError, KeyFileProblem};
use pindesk::escrow::{
    Ciphertext, EscrowContents, EscrowEntry, EscrowFile, RecipientKeyError, Recipients, RecipientsError, recipe,
};
use pindesk::state_dir::StateDir;
use rustix::process::{Resource, Rlimit, setrlimit};
use tempfile::TempDir;

const ENCRYPTED_AT: UtcTime = UtcTime::from_unix_seconds(1_795_356_302);
const NUMBER: &str = "106540352100143";
const PASSPHRASE: &str = "correct horse";

/// Longer than any writer of a test holds the lock.
const LOCK_TIMEOUT: Duration = Duration::from_mins(1);

/// Tells a copy of this program what to do in a test that needs another process: the state directory to write to.
const WRITER_STATE_DIR_ENV: &str = "ESCROW_TEST_STATE_DIR";

fn change(number: &str, pin: &str) -> Change {
    Change {
        id: ChangeId::new(),
        job: JobId::new(1),
        status_before: StatusBefore { two_step: TwoStep::NotSet, read_at: None },
        number: number.parse().expect("an id"),
        waba: Some("102290129340398".parse().expect("an id")),
        pin: Pin::parse(pin.as_bytes()).expect("six digits"),
    }
}

/// A directory with a state directory in it, whose path is no plain word, and keys of every kind beside it.
struct EscrowFixture {
    temp_dir: TempDir,
    state_dir: StateDir,
}

impl EscrowFixture {
    fn new() -> Self {
        let temp_dir = TempDir::new().expect("a temporary directory");
        let state_dir =
            StateDir::open_or_create(&temp_dir.path().join("Ana's state (1)/$HOME")).expect("a state directory");
        Self { temp_dir, state_dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp_dir.path().join(name)
    }

    fn write_file(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        path
    }

    fn escrow_path(&self) -> PathBuf {
        self.state_dir.path().join("escrow.jsonl")
    }

    /// A new age key: its file, and its public half.
    fn age_key(&self, name: &str) -> (PathBuf, String) {
        use age::secrecy::ExposeSecret as _;
        let key = x25519::Identity::generate();
        let text = format!("# a key for tests\n\n{}\n", key.to_string().expose_secret());
        (self.write_file(name, text, 0o600), key.to_public().to_string())
    }

    /// A new SSH key; `None`, and said so, where there is no ssh-keygen.
    fn ssh_key(&self, name: &str, options: &[&str], passphrase: &str) -> Option<(PathBuf, String)> {
        let path = self.path(name);
        let mut command = find_tool("ssh-keygen")?;
        command.args(["-q", "-N", passphrase, "-C", "ana@acme", "-f"]).arg(&path).args(options);
        assert!(command.status().expect("it ran").success());
        let public = fs::read_to_string(path.with_extension("pub")).expect("the public half");
        Some((path, public.trim().to_owned()))
    }

    fn append(&self, lines: &[EscrowEntry]) {
        let file = EscrowFile::open(&self.state_dir).expect("opened");
        file.lock(LOCK_TIMEOUT).expect("locked").append(lines).expect("appended");
    }

    fn contents(&self) -> EscrowContents {
        EscrowFile::read(&self.state_dir).expect("read")
    }
}

/// A program of the system, if it is there.
fn find_tool(name: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|dir| dir.join(name).is_file()) {
        return Some(Command::new(name));
    }
    support::skip::missing_program(name);
    None
}

fn recipients(keys: &[&str]) -> Recipients {
    load_recipients(keys).expect("usable keys").expect("at least one")
}

fn load_recipients(keys: &[&str]) -> Result<Option<Recipients>, RecipientsError> {
    Recipients::load(&EscrowSettings {
        recipients: keys.iter().map(|key| (*key).to_owned()).collect(),
        recipients_file: None,
    })
}

fn load_recipients_file(path: &Path) -> Result<Option<Recipients>, RecipientsError> {
    Recipients::load(&EscrowSettings { recipients: Vec::new(), recipients_file: Some(path.to_owned()) })
}

fn encrypt(recipients: &Recipients, number: &str, pin: &str) -> EscrowEntry {
    recipients.encrypt(&change(number, pin), ENCRYPTED_AT).expect("sealed")
}

fn no_prompt(prompt: &str) -> Option<SecretString> {
    panic!("asked: {prompt}");
}

fn read_identities(path: &Path) -> Identities {
    Identities::read(path, &no_prompt).expect("a key file")
}

fn key_fault(path: &Path, answer: Option<&str>) -> KeyFileProblem {
    match Identities::read(path, &|_| answer.map(|answer| SecretString::from(answer.to_owned()))) {
        Err(IdentityError::InvalidKeyFile { problem: fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

fn expected_decrypted(line: &EscrowEntry, pin: &str) -> DecryptedPin {
    DecryptedPin { context: line.context(), pin: Pin::parse(pin.as_bytes()).expect("six digits") }
}

#[test]
fn a_pin_sealed_to_the_team_opens_with_each_ones_key() {
    let office = EscrowFixture::new();
    let (ana, ana_public) = office.age_key("ana.txt");
    let (ben, ben_public) = office.age_key("ben.txt");
    let mut team = vec![(ana, ana_public, None), (ben, ben_public, None)];
    if let Some((key, public)) = office.ssh_key("cy", &["-t", "ed25519"], "") {
        team.push((key, public, None));
    }
    if let Some((key, public)) = office.ssh_key("dee", &["-t", "ed25519"], PASSPHRASE) {
        team.push((key, public, Some(PASSPHRASE)));
    }
    let publics: Vec<&str> = team.iter().map(|(_, public, _)| public.as_str()).collect();
    let line = encrypt(&recipients(&publics), NUMBER, "012345");
    for (path, _, passphrase) in &team {
        let ask = |_: &str| Some(SecretString::from((*passphrase)?.to_owned()));
        let keys = Identities::read(path, &ask).expect("a key file");
        assert_eq!(keys.decrypt(&line), Ok(expected_decrypted(&line, "012345")), "{}", path.display());
    }
    let (stranger, _) = office.age_key("stranger.txt");
    assert_eq!(read_identities(&stranger).decrypt(&line), Err(DecryptPinError::NoMatchingKey));
}

/// An age key file as `age -p` protects it: only `age` itself asks for a passphrase, on a terminal.
fn encrypt_key_file(text: &[u8], is_armored: bool) -> Vec<u8> {
    let mut passphrase = age::scrypt::Recipient::new(PASSPHRASE.to_owned().into());
    passphrase.set_work_factor(10);
    let encryptor = age::Encryptor::with_recipients([&passphrase as &dyn age::Recipient].into_iter()).expect("one");
    let format = if is_armored { age::armor::Format::AsciiArmor } else { age::armor::Format::Binary };
    let armor = age::armor::ArmoredWriter::wrap_output(Vec::new(), format).expect("a writer");
    let mut writer = encryptor.wrap_output(armor).expect("a writer");
    writer.write_all(text).expect("written");
    writer.finish().and_then(age::armor::ArmoredWriter::finish).expect("written")
}

#[test]
fn an_age_key_file_that_a_passphrase_protects_opens_with_it() {
    let office = EscrowFixture::new();
    let (plain, public) = office.age_key("plain.txt");
    let line = encrypt(&recipients(&[&public]), NUMBER, "012345");
    let text = fs::read(plain).expect("the key file");
    for is_armored in [false, true] {
        let path = office.write_file("protected.age", encrypt_key_file(&text, is_armored), 0o600);
        let asked = std::cell::RefCell::new(Vec::new());
        let ask = |prompt: &str| {
            asked.borrow_mut().push(prompt.to_owned());
            Some(SecretString::from(PASSPHRASE.to_owned()))
        };
        let keys = Identities::read(&path, &ask).expect("a key file");
        assert_eq!(keys.decrypt(&line), Ok(expected_decrypted(&line, "012345")));
        assert_eq!(*asked.borrow(), [format!("Passphrase of {}: ", path.display())]);
        assert_eq!(key_fault(&path, Some("wrong")), KeyFileProblem::WrongPassphrase);
        assert_eq!(key_fault(&path, None), KeyFileProblem::NoPassphrase);
    }
}

#[test]
fn a_key_file_that_is_of_no_use_is_refused_by_its_reason() {
    let office = EscrowFixture::new();
    let (_, public) = office.age_key("a.txt");
    let cases: [(&str, KeyFileProblem); 9] = [
        ("", KeyFileProblem::NoKey),
        ("# only a comment\n", KeyFileProblem::NoKey),
        (&public, KeyFileProblem::PublicKey),
        ("ssh-ed25519 AAAA ana@acme", KeyFileProblem::PublicKey),
        ("# x\nAGE-SECRET-KEY-1QQQQ", KeyFileProblem::MalformedLine(2)),
        ("AGE-PLUGIN-YUBIKEY-1QQQQ", KeyFileProblem::UnsupportedAge(1)),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", KeyFileProblem::Unreadable),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", KeyFileProblem::Unreadable),
        ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", KeyFileProblem::UnsupportedSsh),
    ];
    for (text, fault) in cases {
        assert_eq!(key_fault(&office.write_file("key", text, 0o600), None), fault, "{text}");
    }
    assert_eq!(key_fault(&office.write_file("key", b"\xff\xfe\x00", 0o600), None), KeyFileProblem::Unreadable);

    let (open, _) = office.age_key("open.txt");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("its mode");
    let error = Identities::read(&open, &no_prompt).expect_err("others can read it").to_string();
    let path = open.display();
    assert_eq!(error, format!("key file {path}: others can read it (mode 0644). Run: chmod 600 {path}"));

    if let Some((ecdsa, _)) = office.ssh_key("ecdsa", &["-t", "ecdsa"], "") {
        assert_eq!(key_fault(&ecdsa, None), KeyFileProblem::UnsupportedSsh);
    }
    if let Some((ed25519, _)) = office.ssh_key("ed25519", &["-t", "ed25519"], PASSPHRASE) {
        assert_eq!(key_fault(&ed25519, Some("wrong")), KeyFileProblem::WrongPassphrase);
        assert_eq!(key_fault(&ed25519, None), KeyFileProblem::NoPassphrase);
    }
}

#[test]
fn an_rsa_key_seals_and_is_refused_for_opening_before_any_passphrase() {
    let office = EscrowFixture::new();
    for (name, options, passphrase) in [
        ("plain", &["-t", "rsa", "-b", "2048"][..], ""),
        ("protected", &["-t", "rsa", "-b", "2048"], PASSPHRASE),
        ("pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"], ""),
        ("protected_pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"], PASSPHRASE),
    ] {
        let Some((key, public)) = office.ssh_key(name, options, passphrase) else { return };
        encrypt(&recipients(&[&public]), NUMBER, "012345");
        let error = Identities::read(&key, &no_prompt).expect_err("RSA is refused");
        assert!(matches!(error, IdentityError::InvalidKeyFile { problem: KeyFileProblem::Rsa, .. }), "{error:?}");
        assert!(error.to_string().contains("`pindesk escrow recipe` prints the command"), "{error}");
    }
}

#[test]
fn what_was_altered_or_damaged_is_told_apart_and_gives_no_pin() {
    let office = EscrowFixture::new();
    let (key, public) = office.age_key("key.txt");
    let (keys, team) = (read_identities(&key), recipients(&[&public]));
    let (line, other) = (encrypt(&team, NUMBER, "012345"), encrypt(&team, "106540352100144", "543210"));

    let swapped = EscrowEntry { ciphertext: other.ciphertext.clone(), ..line.clone() };
    let altered =
        DecryptPinError::ContextMismatch { claimed: Box::new(line.context()), encrypted: Box::new(other.context()) };
    assert_eq!(keys.decrypt(&swapped), Err(altered.clone()));
    assert!(altered.to_string().contains("it names number 106540352100143"), "{altered}");
    for line in [
        EscrowEntry { change: other.change, ..line.clone() },
        EscrowEntry { number: other.number, ..line.clone() },
        EscrowEntry { waba: None, ..line.clone() },
        EscrowEntry { at: UtcTime::from_unix_seconds(1_795_356_303), ..line.clone() },
    ] {
        assert!(matches!(keys.decrypt(&line), Err(DecryptPinError::ContextMismatch { .. })), "{line:?}");
    }
    for (place, byte) in line.ciphertext.0.iter().enumerate() {
        let mut sealed = line.ciphertext.clone();
        sealed.0[place] = byte ^ 1;
        assert!(
            keys.decrypt(&EscrowEntry { ciphertext: sealed, ..line.clone() }).is_err(),
            "byte {place} is not looked at"
        );
    }
    let cut = Ciphertext(line.ciphertext.0[..line.ciphertext.0.len() - 1].to_vec());
    assert_eq!(keys.decrypt(&EscrowEntry { ciphertext: cut, ..line.clone() }), Err(DecryptPinError::Damaged));
    let key: x25519::Recipient = public.parse().expect("a key");
    for text in [b"hello".to_vec(), vec![b' '; 100_000]] {
        let foreign = Ciphertext(age::encrypt(&key, &text).expect("sealed"));
        assert_eq!(
            keys.decrypt(&EscrowEntry { ciphertext: foreign, ..line.clone() }),
            Err(DecryptPinError::InvalidPlaintext)
        );
    }
    assert_eq!(keys.decrypt(&line), Ok(expected_decrypted(&line, "012345")));
}

#[test]
fn neither_keys_nor_pins_are_in_what_is_printed_for_debugging() {
    let office = EscrowFixture::new();
    let (key, public) = office.age_key("key.txt");
    let line = encrypt(&recipients(&[&public]), NUMBER, "908172");
    let keys = read_identities(&key);
    assert_eq!(format!("{keys:?}"), "Identities(1 redacted)");
    let opened = format!("{:?}", keys.decrypt(&line).expect("opened"));
    assert!(opened.contains("Pin(******)") && !opened.contains("908172"), "{opened}");
}

/// Runs a line of the recipe in a shell, with the key file put in.
fn run_recipe(shell: &str, command: &str, key: &Path, number: &str) -> String {
    let key = format!("'{}'", key.display().to_string().replace('\'', r"'\''"));
    let command = command.replace("-i KEY", &format!("-i {key}")).replace("\"ID\"", &format!("\"{number}\""));
    let mut shell = find_tool(shell).expect("looked for before");
    let output = shell.arg("-c").arg(command).current_dir("/").stdin(Stdio::null()).output().expect("it ran");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_printed_recipe_opens_every_line_with_the_stock_age_program() {
    let office = EscrowFixture::new();
    if find_tool("age").is_none() {
        return;
    }
    let mut team = vec![office.age_key("it's a key.txt")];
    team.extend(office.ssh_key("ed25519", &["-t", "ed25519"], ""));
    team.extend(office.ssh_key("rsa", &["-t", "rsa", "-b", "3072"], ""));
    if let Some(mut keygen) = find_tool("age-keygen") {
        let path = office.path("keygen.txt");
        assert!(keygen.arg("-o").arg(&path).stderr(Stdio::null()).status().expect("it ran").success());
        let text = fs::read_to_string(&path).expect("the key file");
        let public = text.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("the public half");
        team.push((path, public.to_owned()));
    }
    let publics: Vec<&str> = team.iter().map(|(_, public)| public.as_str()).collect();
    let all = recipients(&publics);
    let lines: Vec<EscrowEntry> =
        (0..3).map(|n| encrypt(&all, &format!("10654035210014{n}"), &format!("01234{n}"))).collect();
    office.append(&lines[..2]);
    // What a dying writer left behind, and then a line of the next one: neither may spoil the recipe.
    let whole = fs::read(office.escrow_path()).expect("the file");
    let torn = &whole[..whole.iter().position(|byte| *byte == b'\n').expect("an end") - 40];
    let mut file = fs::OpenOptions::new().append(true).open(office.escrow_path()).expect("the file");
    file.write_all(torn).expect("torn");
    office.append(&lines[2..]);
    file.write_all(torn).expect("torn");

    let text = |n: usize| {
        let EscrowEntry { change, number, .. } = &lines[n];
        format!(
            r#"{{"v":1,"change":"{change}","phone_number_id":"{number}","waba_id":"102290129340398","at":"2026-11-22T14:05:02Z","pin":"01234{n}"}}"#
        )
    };
    let recipe = recipe(office.state_dir.path());
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
fn the_recipe_goes_by_the_times_in_the_lines_as_a_repair_adds_old_ones_behind_newer_ones() {
    let office = EscrowFixture::new();
    if find_tool("age").is_none() {
        return;
    }
    let (key, public) = office.age_key("key.txt");
    let team = recipients(&[&public]);
    let sealed = |pin: &str, at: UtcTime| team.encrypt(&change(NUMBER, pin), at).expect("sealed");
    // The last two are of one second, as scripts set them.
    let (old, middle, new) = (
        sealed("111213", ENCRYPTED_AT),
        sealed("222324", ENCRYPTED_AT.plus(LOCK_TIMEOUT)),
        sealed("333435", ENCRYPTED_AT.plus(LOCK_TIMEOUT)),
    );
    office.append(&[new, middle, old]);
    let recipe = recipe(office.state_dir.path());
    let pins = |command: &str| -> Vec<String> {
        let text = run_recipe("sh", command, &key, NUMBER);
        text.split("\"pin\":\"").skip(1).map(|rest| rest[..6].to_owned()).collect()
    };
    let found: Vec<_> = recipe.lines().filter(|line| !line.starts_with('#')).map(pins).collect();
    assert_eq!(found, [vec!["333435"], vec!["333435"], vec!["111213", "222324", "333435"]]);
    assert!(recipe.contains("by the times in the file") && recipe.contains("pindesk escrow open"), "{recipe}");
}

#[test]
fn fingerprints_are_what_ssh_keygen_prints_and_an_age_key_is_its_own() {
    let office = EscrowFixture::new();
    let (_, age) = office.age_key("age.txt");
    let mut expected = vec![age.clone()];
    let mut publics = vec![age];
    for (name, kind) in [("e", "ed25519"), ("r", "rsa")] {
        let Some((key, public)) = office.ssh_key(name, &["-t", kind], "") else { continue };
        let output =
            find_tool("ssh-keygen").expect("it made the key").arg("-l").arg("-f").arg(key).output().expect("it ran");
        let text = String::from_utf8(output.stdout).expect("text");
        let sha256 = text.split_whitespace().find(|word| word.starts_with("SHA256:")).expect("a fingerprint");
        expected.push(format!("ssh-{kind} {sha256}"));
        publics.push(public);
    }
    expected.sort();
    let publics: Vec<&str> = publics.iter().map(String::as_str).collect();
    let found = recipients(&publics).fingerprints();
    assert_eq!(found.iter().map(pindesk::escrow::Fingerprint::as_str).collect::<Vec<_>>(), expected);
}

/// Public keys, as good as any: nobody holds their private halves.
const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBHvp7aptwxjOph/aTAlMGntAfYMxZHmBu1Hf95T52m3";
const AGE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

/// A public key of fields, each behind its length.
fn ssh_key_blob(fields: &[&[u8]]) -> String {
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend_from_slice(&u32::try_from(field.len()).expect("short").to_be_bytes());
        bytes.extend_from_slice(field);
    }
    BASE64_STANDARD.encode(bytes)
}

/// An RSA public key of so many bits.
fn rsa_public_key(bits: usize) -> String {
    let mut modulus = vec![0];
    modulus.resize(bits / 8 + 1, 0xc5);
    format!("ssh-rsa {}", ssh_key_blob(&[b"ssh-rsa", &[1, 0, 1], &modulus]))
}

/// Whether 17 characters of a line, in whatever case, stand in a text.
fn repeats_a_part(text: &str, line: &str) -> bool {
    let lower_case = text.to_lowercase();
    line.to_lowercase().as_bytes().windows(17).any(|part| lower_case.contains(&*String::from_utf8_lossy(part)))
}

#[test]
fn a_line_that_cannot_be_sealed_to_is_refused_by_its_reason_and_takes_the_others_with_it() {
    use RecipientKeyError as U;
    let (e, r) = (&ED25519["ssh-ed25519 ".len()..], rsa_public_key(2048));
    let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    let with_rest = |kind: &str, point: &[u8]| format!("{kind} {}", ssh_key_blob(&[kind.as_bytes(), point]));
    let cases: &[(String, RecipientKeyError)] = &[
        (format!("ecdsa-sha2-nistp256 {e} ana@acme"), U::Ecdsa),
        (format!("sk-ssh-ed25519@openssh.com {e}"), U::SecurityKey),
        (format!("sk-ecdsa-sha2-nistp256@openssh.com {e}"), U::SecurityKey),
        (format!("ssh-dss {e}"), U::Dsa),
        (rsa_public_key(1024), U::RsaTooSmall),
        (rsa_public_key(2040), U::RsaTooSmall),
        (rsa_public_key(8192), U::RsaTooLarge),
        (AGE.replace("svpy7pa", "svpy7pp"), U::BadChecksum),
        (AGE[..40].to_owned(), U::BadChecksum),
        (secret.to_owned(), U::PrivateKey),
        (format!("ana: {}", secret.to_lowercase()), U::PrivateKey),
        ("AGE-PLUGIN-YUBIKEY-1QQQQQQQQQQQQQQQQ".to_owned(), U::PrivateKey),
        ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), U::PrivateKey),
        ("b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW".to_owned(), U::PrivateKey),
        ("-----BEGIN PUBLIC KEY-----".to_owned(), U::Pem),
        ("---- BEGIN SSH2 PUBLIC KEY ----".to_owned(), U::Pem),
        ("age1pq1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq".to_owned(), U::PostQuantum),
        ("age1yubikey1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq".to_owned(), U::Plugin),
        (format!("ssh-ed25519-cert-v01@openssh.com {e}"), U::Certificate),
        (format!("command=\"true\",no-pty {ED25519} ana@acme"), U::TextBeforeKey),
        (format!("{AGE} {ED25519}"), U::MultipleKeys),
        (format!("{ED25519} ana@acme # {AGE}"), U::MultipleKeys),
        (format!("backup.example.com {r}"), U::TextBeforeKey),
        (format!("restrict ecdsa-sha2-nistp256 {e}"), U::TextBeforeKey),
        ("ssh-ed25519".to_owned(), U::MalformedSsh),
        (ED25519[..ED25519.len() - 4].to_owned(), U::MalformedSsh),
        (format!("{ED25519}AAAA"), U::MalformedSsh),
        (format!("ssh-rsa {e}"), U::MalformedSsh),
        (format!("ssh-rsa {}", ssh_key_blob(&[b"ssh-rsa", &[1, 0, 1], &[0xc5; 256], b"more"])), U::MalformedSsh),
        (r[..r.len() - 8].to_owned(), U::MalformedSsh),
        (with_rest("ssh-ed25519", &[0; 32]), U::SmallOrderPoint),
        ("github:ana".to_owned(), U::UnknownFormat),
        ("ana@acme.example".to_owned(), U::UnknownFormat),
        ("\u{1b}[2J\u{0}".to_owned(), U::UnknownFormat),
    ];
    let office = EscrowFixture::new();
    for (line, expected) in cases {
        let path =
            office.write_file("recipients", format!("# the team\r\n\n{AGE} ana@acme\n  {line}\r\n{ED25519}\n"), 0o644);
        let of_file = load_recipients_file(&path).map(|_| ()).expect_err("refused as a whole");
        let of_config = load_recipients(&[AGE, line, ED25519]).map(|_| ()).expect_err("refused as a whole");
        let file = format!("recipients file {}, line 4", path.display());
        for (error, place) in [(of_file, file.as_str()), (of_config, "recipients of the config, entry 2")] {
            let told = format!("{error} {error:?}");
            assert!(
                matches!(error, RecipientsError::InvalidKey { reason, .. } if reason == *expected),
                "{line}: {told}"
            );
            assert!(told.starts_with(&format!("{place}: {expected}. ")), "{told}");
            assert!(!repeats_a_part(&told, line), "{line} is repeated: {told}");
        }
    }
}

#[test]
fn a_recipients_file_that_names_no_key_or_that_others_may_write_is_refused() {
    let office = EscrowFixture::new();
    for text in ["", "\n\n", "# age1…\n"] {
        let path = office.write_file("recipients", text, 0o644);
        let error = load_recipients_file(&path).map(|_| ()).expect_err("no key");
        assert_eq!(error.to_string(), format!("recipients file {}: it contains no key", path.display()));
    }
    let path = office.write_file("recipients", AGE, 0o664);
    let error = load_recipients_file(&path).map(|_| ()).expect_err("others can write it");
    assert_eq!(
        error.to_string(),
        format!("recipients file {0}: others can write it (mode 0664). Run: chmod go-w {0}", path.display())
    );
    let error = load_recipients_file(&office.path("none")).map(|_| ()).expect_err("there is none");
    assert_eq!(error.to_string(), format!("recipients file {}: there is no such file", office.path("none").display()));
    assert!(load_recipients(&[]).expect("nothing is wrong").is_none());
    assert!(matches!(
        load_recipients(&[""]),
        Err(RecipientsError::InvalidKey { reason: RecipientKeyError::Empty, .. })
    ));
    let many: Vec<String> = (0..101).map(|_| x25519::Identity::generate().to_public().to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(load_recipients(&many[1..]).is_ok());
    assert!(matches!(load_recipients(&many), Err(RecipientsError::TooManyKeys)));
}

#[test]
fn a_key_counts_once_wherever_it_stands_and_is_called_by_its_comment() {
    let office = EscrowFixture::new();
    let upper = AGE.to_uppercase();
    let text = format!("# the team\n{AGE}\n\t{ED25519}\t Ana\u{1b}[2J at Acme \n{upper} # Ben\n");
    let settings = EscrowSettings {
        recipients: vec![format!(" {ED25519} ana@acme "), rsa_public_key(2048)],
        recipients_file: Some(office.write_file("recipients", text, 0o644)),
    };
    let team = Recipients::load(&settings).expect("usable").expect("three");
    let labels: Vec<String> = team.labels().iter().map(ToString::to_string).collect();
    let ends =
        [("ana@acme (ssh-ed25519 SHA256:", ")"), ("ssh-rsa SHA256:", ""), ("age1t7rxyev2z3rw82stdlrrep…vpy7pa", "")];
    assert_eq!(labels.len(), ends.len(), "{labels:?}");
    for (label, (start, end)) in labels.iter().zip(ends) {
        assert!(label.starts_with(start) && label.ends_with(end), "{label}");
    }
    assert_eq!(team.fingerprints().len(), 3);
    let commented = recipients(&[&format!("{AGE} # \u{1b}[2JBen")]);
    assert_eq!(commented.labels()[0].as_str(), "\\u{1b}[2JBen (age1t7rxyev2z3rw82stdlrrep…vpy7pa)");
}

/// Lines that nobody can open: enough for a file.
fn entries(count: usize) -> Vec<EscrowEntry> {
    let team = recipients(&[AGE]);
    (0..count).map(|_| encrypt(&team, NUMBER, "012345")).collect()
}

#[test]
fn a_directory_without_an_escrow_file_has_nothing_and_none_is_made_by_reading() {
    let office = EscrowFixture::new();
    assert_eq!(office.contents(), EscrowContents::default());
    assert!(!office.escrow_path().exists());
}

#[test]
fn a_file_that_ends_anywhere_harms_no_line_but_its_last() {
    let office = EscrowFixture::new();
    let lines = entries(3);
    office.append(&lines[..2]);
    let whole = fs::read(office.escrow_path()).expect("the file");
    let first = whole.iter().position(|byte| *byte == b'\n').expect("an end") + 1;
    let places = (0..whole.len()).step_by(13).chain([first - 1, first, first + 1, whole.len() - 1, whole.len()]);
    for end in places {
        fs::write(office.escrow_path(), &whole[..end]).expect("cut");
        // A line without its end is whole if all of its text is there.
        let kept = usize::from(end >= first - 1) + usize::from(end >= whole.len() - 1);
        let is_torn = ![0, first - 1, first, whole.len() - 1, whole.len()].contains(&end);
        let expected = EscrowContents { entries: lines[..kept].to_vec(), unreadable_lines: Vec::new(), is_torn };
        assert_eq!(office.contents(), expected, "ends at {end}");

        office.append(&lines[2..]);
        let unreadable = if is_torn { vec![kept + 1] } else { Vec::new() };
        let mut lines_then = lines[..kept].to_vec();
        lines_then.push(lines[2].clone());
        let expected = EscrowContents { entries: lines_then, unreadable_lines: unreadable, is_torn: false };
        assert_eq!(office.contents(), expected, "ended at {end}");
        assert!(fs::read(office.escrow_path()).expect("the file").starts_with(&whole[..end]), "altered at {end}");
    }
}

#[test]
fn damaged_lines_are_counted_by_number_and_the_others_are_read() {
    let office = EscrowFixture::new();
    let lines = entries(2);
    office.append(&lines);
    let whole = fs::read_to_string(office.escrow_path()).expect("the file");
    let (first, second) = whole.split_once('\n').expect("two lines");
    let endless = "x".repeat(600_000);
    // As much as is looked at of a line is a whole line, and then there is more.
    let longer = format!("{first}{}x", " ".repeat((256 << 10) - first.len()));
    let text = format!("{first}\r\n{endless}\n\n\u{0}\n{second}{longer}\nnot json\n{endless}");
    fs::write(office.escrow_path(), text).expect("damaged");
    assert_eq!(office.contents(), EscrowContents { entries: lines, unreadable_lines: vec![2, 4, 6, 7], is_torn: true });
}

#[test]
fn a_hundred_thousand_lines_are_read() {
    let office = EscrowFixture::new();
    office.append(&entries(1));
    let line = fs::read(office.escrow_path()).expect("the file");
    fs::write(office.escrow_path(), line.repeat(100_000)).expect("written");
    assert_eq!(office.contents().entries.len(), 100_000);
}

/// Runs one test of this program once more, in a process of its own.
fn spawn_test_process(test: &str, dir: &Path) -> std::process::Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--exact", test]).env(WRITER_STATE_DIR_ENV, dir).stdout(Stdio::null());
    command.spawn().expect("it starts")
}

#[test]
fn groups_written_by_processes_and_threads_at_once_stay_whole_and_together() {
    const GROUP: usize = 5;
    const ROUNDS: usize = 10;
    // Each group is one change, so that it shows whose lines they are.
    let write = |dir: &StateDir| {
        let file = EscrowFile::open(dir).expect("opened");
        for _ in 0..ROUNDS {
            let group = vec![entries(1).remove(0); GROUP];
            let locked = file.lock(LOCK_TIMEOUT).expect("locked");
            // In two writes, so that nothing but the lock keeps them together.
            locked.append(&group[..2]).expect("appended");
            locked.append(&group[2..]).expect("appended");
        }
    };
    if let Some(dir) = std::env::var_os(WRITER_STATE_DIR_ENV) {
        return write(&StateDir::open(Path::new(&dir)).expect("a state directory"));
    }
    let office = EscrowFixture::new();
    let name = "groups_written_by_processes_and_threads_at_once_stay_whole_and_together";
    let children: Vec<_> = (0..3).map(|_| spawn_test_process(name, office.state_dir.path())).collect();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| write(&office.state_dir));
        }
    });
    for mut child in children {
        assert!(child.wait().expect("it ended").success());
    }
    let EscrowContents { entries: lines, unreadable_lines: unreadable, is_torn } = office.contents();
    assert_eq!((lines.len(), unreadable, is_torn), (6 * ROUNDS * GROUP, Vec::new(), false));
    for group in lines.chunks(GROUP) {
        assert!(group.iter().all(|line| *line == group[0]), "another writer came in between");
    }
}

#[test]
fn a_torn_line_can_be_ended_by_itself_and_is_ended_once() {
    let office = EscrowFixture::new();
    let lines = entries(1);
    office.append(&lines);
    let whole = fs::read(office.escrow_path()).expect("the file");
    fs::write(office.escrow_path(), [&whole[..], &whole[..40]].concat()).expect("torn");
    let file = EscrowFile::open(&office.state_dir).expect("opened");
    for _ in 0..2 {
        file.lock(LOCK_TIMEOUT).expect("locked").terminate_torn_line().expect("ended");
        assert_eq!(fs::read(office.escrow_path()).expect("the file"), [&whole[..], &whole[..40], b"\n"].concat());
    }
    assert_eq!(office.contents(), EscrowContents { entries: lines, unreadable_lines: vec![2], is_torn: false });
}

#[test]
fn the_file_is_synced_after_each_group_and_its_name_before_the_first() {
    if let Some(dir) = std::env::var_os(WRITER_STATE_DIR_ENV) {
        let dir = StateDir::open(Path::new(&dir)).expect("a state directory");
        let file = EscrowFile::open(&dir).expect("opened");
        for _ in 0..2 {
            file.lock(LOCK_TIMEOUT).expect("locked").append(&entries(2)).expect("appended");
        }
        return;
    }
    let Some(mut strace) = find_tool("strace") else { return };
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().expect("it ran").success() {
        support::skip::not_allowed("strace");
        return;
    }
    let office = EscrowFixture::new();
    let calls = office.path("calls");
    let program = std::env::current_exe().expect("this program");
    strace.args(["-f", "-qq", "-y", "-e", "trace=write,fsync,fdatasync", "-o"]).arg(&calls).arg(program);
    strace.args(["--exact", "the_file_is_synced_after_each_group_and_its_name_before_the_first"]);
    let status =
        strace.env(WRITER_STATE_DIR_ENV, office.state_dir.path()).stdout(Stdio::null()).status().expect("it ran");
    assert!(status.success(), "{status}");
    // Each call is a line: the thread, the call with its file, and what it returned.
    let calls = fs::read_to_string(calls).expect("the calls");
    let done = |call: &str| {
        let (name, rest) = call.split_once(' ')?.1.trim_start().split_once('(')?;
        let (file, result) = (rest.split_once('<')?.1.split_once('>')?.0, call.rsplit_once("= ")?.1);
        let file = Path::new(file).strip_prefix(office.temp_dir.path()).ok()?.file_name()?.to_str()?.to_owned();
        Some((name.to_owned(), file, !result.starts_with('-')))
    };
    let done: Vec<_> = calls.lines().filter_map(done).collect();
    let group = [("write", "escrow.jsonl"), ("fdatasync", "escrow.jsonl")];
    let expected = [("fsync", "$HOME")].into_iter().chain(group).chain(group);
    assert_eq!(done, expected.map(|(call, file)| (call.to_owned(), file.to_owned(), true)).collect::<Vec<_>>());
}

#[test]
fn nothing_is_written_to_a_file_that_is_no_longer_the_escrow_file() {
    let office = EscrowFixture::new();
    let file = EscrowFile::open(&office.state_dir).expect("opened");
    let refusal = || file.lock(LOCK_TIMEOUT).map(|_| ()).expect_err("it is gone").to_string();
    let gone = "escrow.jsonl was moved away or replaced meanwhile";
    let elsewhere = office.path("elsewhere");
    fs::rename(office.escrow_path(), &elsewhere).expect("moved away");
    assert_eq!(refusal(), gone);
    office.append(&entries(1));
    assert_eq!(refusal(), gone);
    assert_eq!(fs::read(&elsewhere).expect("the old file"), b"");
    fs::rename(&elsewhere, office.escrow_path()).expect("moved back");
    file.lock(LOCK_TIMEOUT).expect("locked").append(&entries(1)).expect("it is the escrow file again");
    assert_eq!(office.contents().entries.len(), 1);
}

#[test]
fn a_group_that_does_not_fit_is_cut_off_again() {
    if let Some(dir) = std::env::var_os(WRITER_STATE_DIR_ENV) {
        let dir = StateDir::open(Path::new(&dir)).expect("a state directory");
        let len = fs::metadata(dir.path().join("escrow.jsonl")).expect("the file").len();
        // The system takes what fits and no more, as a full disk does; this process has no other files to write.
        setrlimit(Resource::Fsize, Rlimit { current: Some(len + 1_000), maximum: None }).expect("a limit");
        let error = EscrowFile::open(&dir).expect("opened").lock(LOCK_TIMEOUT).expect("locked").append(&entries(5));
        let told = error.expect_err("it does not fit").to_string();
        assert!(told.starts_with("only 1000 of "), "{told}");
        return;
    }
    let office = EscrowFixture::new();
    let lines = entries(2);
    office.append(&lines);
    let before = fs::read(office.escrow_path()).expect("the file");
    let mut child = spawn_test_process("a_group_that_does_not_fit_is_cut_off_again", office.state_dir.path());
    assert!(child.wait().expect("it ended").success());
    assert_eq!(fs::read(office.escrow_path()).expect("the file"), before);
}

#[test]
fn a_lock_that_is_not_given_back_is_waited_for_so_long_and_its_holder_is_named() {
    let office = EscrowFixture::new();
    let [holder, other] = [(); 2].map(|()| EscrowFile::open(&office.state_dir).expect("opened"));
    let held = holder.lock(Duration::ZERO).expect("it is free");
    let error = other.lock(Duration::from_millis(50)).map(|_| ()).expect_err("it is held");
    let (pid, path) = (std::process::id(), shell_quoted(&office.escrow_path()));
    assert_eq!(
        error.to_string(),
        format!(
            "process {pid} holds the lock on {path} and may be suspended. To resume it: kill -CONT {pid}. To end it after that: kill {pid}"
        )
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| other.lock(LOCK_TIMEOUT).map(drop));
        drop(held);
        waiting.join().expect("no panic").expect("it is free again");
    });
}

/// As a shell takes it.
fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
