//! Decrypting a PIN with each kind of private key, and refusing key files and entries that cannot be used.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use age::secrecy::SecretString;
use age::x25519;
use pindesk::domain::clock::UtcTime;
use pindesk::domain::pin::Pin;
use pindesk::escrow::decrypt::{DecryptPinError, DecryptedPin, Identities, IdentityError, KeyFileProblem};
use pindesk::escrow::{Ciphertext, EscrowEntry};

use super::{EscrowFixture, NUMBER, encrypt, recipients};

const PASSPHRASE: &str = "correct horse";

fn no_prompt(prompt: &str) -> Option<SecretString> {
    panic!("unexpected prompt: {prompt}");
}

fn read_identities(path: &Path) -> Identities {
    Identities::read(path, &no_prompt).expect("a key file")
}

fn key_problem(path: &Path, passphrase: Option<&str>) -> KeyFileProblem {
    match Identities::read(path, &|_| passphrase.map(|passphrase| SecretString::from(passphrase.to_owned()))) {
        Err(IdentityError::InvalidKeyFile { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

fn expected_decrypted(entry: &EscrowEntry, pin: &str) -> DecryptedPin {
    DecryptedPin { context: entry.context(), pin: Pin::parse(pin.as_bytes()).expect("six digits") }
}

#[test]
fn each_key_of_the_team_decrypts_a_pin() {
    let fixture = EscrowFixture::new();
    let (ana, ana_public) = fixture.age_key("ana.txt");
    let (ben, ben_public) = fixture.age_key("ben.txt");
    let mut team = vec![(ana, ana_public, None), (ben, ben_public, None)];
    if let Some((key, public)) = fixture.ssh_key("cy", &["-t", "ed25519"], "") {
        team.push((key, public, None));
    }
    if let Some((key, public)) = fixture.ssh_key("dee", &["-t", "ed25519"], PASSPHRASE) {
        team.push((key, public, Some(PASSPHRASE)));
    }
    let public_keys: Vec<&str> = team.iter().map(|(_, public, _)| public.as_str()).collect();
    let entry = encrypt(&recipients(&public_keys), NUMBER, "012345");
    for (path, _, passphrase) in &team {
        let ask = |_: &str| Some(SecretString::from((*passphrase)?.to_owned()));
        let keys = Identities::read(path, &ask).expect("a key file");
        assert_eq!(keys.decrypt(&entry), Ok(expected_decrypted(&entry, "012345")), "{}", path.display());
    }
    let (stranger, _) = fixture.age_key("stranger.txt");
    assert_eq!(read_identities(&stranger).decrypt(&entry), Err(DecryptPinError::NoMatchingKey));
}

/// Encrypts an age key file as `age -p` does. That program itself cannot be used, because it asks for the passphrase on
/// a terminal.
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
fn a_protected_age_key_file_opens_with_its_passphrase() {
    let fixture = EscrowFixture::new();
    let (plain, public) = fixture.age_key("plain.txt");
    let entry = encrypt(&recipients(&[&public]), NUMBER, "012345");
    let text = fs::read(plain).expect("the key file");
    for is_armored in [false, true] {
        let path = fixture.write_file("protected.age", encrypt_key_file(&text, is_armored), 0o600);
        let prompts = std::cell::RefCell::new(Vec::new());
        let ask = |prompt: &str| {
            prompts.borrow_mut().push(prompt.to_owned());
            Some(SecretString::from(PASSPHRASE.to_owned()))
        };
        let keys = Identities::read(&path, &ask).expect("a key file");
        assert_eq!(keys.decrypt(&entry), Ok(expected_decrypted(&entry, "012345")));
        assert_eq!(*prompts.borrow(), [format!("Passphrase of {}: ", path.display())]);
        assert_eq!(key_problem(&path, Some("wrong")), KeyFileProblem::WrongPassphrase);
        assert_eq!(key_problem(&path, None), KeyFileProblem::NoPassphrase);
    }
}

#[test]
fn an_unusable_key_file_is_refused_with_the_reason() {
    let fixture = EscrowFixture::new();
    let (_, public) = fixture.age_key("a.txt");
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
    for (text, problem) in cases {
        assert_eq!(key_problem(&fixture.write_file("key", text, 0o600), None), problem, "{text}");
    }
    assert_eq!(key_problem(&fixture.write_file("key", b"\xff\xfe\x00", 0o600), None), KeyFileProblem::Unreadable);

    let (exposed, _) = fixture.age_key("exposed.txt");
    fs::set_permissions(&exposed, fs::Permissions::from_mode(0o644)).expect("its mode");
    let error = Identities::read(&exposed, &no_prompt).expect_err("others can read it").to_string();
    let path = exposed.display();
    assert_eq!(error, format!("key file {path}: others can read it (mode 0644). Run: chmod 600 {path}"));

    if let Some((ecdsa, _)) = fixture.ssh_key("ecdsa", &["-t", "ecdsa"], "") {
        assert_eq!(key_problem(&ecdsa, None), KeyFileProblem::UnsupportedSsh);
    }
    if let Some((ed25519, _)) = fixture.ssh_key("ed25519", &["-t", "ed25519"], PASSPHRASE) {
        assert_eq!(key_problem(&ed25519, Some("wrong")), KeyFileProblem::WrongPassphrase);
        assert_eq!(key_problem(&ed25519, None), KeyFileProblem::NoPassphrase);
    }
}

#[test]
fn a_key_file_may_begin_with_a_byte_order_mark() {
    let fixture = EscrowFixture::new();
    let (key, public) = fixture.age_key("key.txt");
    let text = fs::read_to_string(&key).expect("the key file");
    let marked = fixture.write_file("marked.txt", format!("\u{feff}{text}"), 0o600);
    let entry = encrypt(&recipients(&[&public]), NUMBER, "012345");
    assert_eq!(read_identities(&marked).decrypt(&entry), Ok(expected_decrypted(&entry, "012345")));
}

#[test]
fn an_rsa_key_encrypts_and_is_refused_for_decryption() {
    let fixture = EscrowFixture::new();
    for (name, options, passphrase) in [
        ("plain", &["-t", "rsa", "-b", "2048"][..], ""),
        ("protected", &["-t", "rsa", "-b", "2048"], PASSPHRASE),
        ("pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"], ""),
        ("protected_pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"], PASSPHRASE),
    ] {
        let Some((key, public)) = fixture.ssh_key(name, options, passphrase) else { return };
        encrypt(&recipients(&[&public]), NUMBER, "012345");
        let error = Identities::read(&key, &no_prompt).expect_err("RSA is refused");
        assert!(matches!(error, IdentityError::InvalidKeyFile { problem: KeyFileProblem::Rsa, .. }), "{error:?}");
        assert!(error.to_string().contains("`pindesk escrow recipe` prints the command"), "{error}");
    }
}

#[test]
fn altered_and_damaged_entries_are_distinguished() {
    let fixture = EscrowFixture::new();
    let (key, public) = fixture.age_key("key.txt");
    let (keys, team) = (read_identities(&key), recipients(&[&public]));
    let (entry, other) = (encrypt(&team, NUMBER, "012345"), encrypt(&team, "106540352100144", "543210"));

    let swapped = EscrowEntry { ciphertext: other.ciphertext.clone(), ..entry.clone() };
    let altered =
        DecryptPinError::ContextMismatch { claimed: Box::new(entry.context()), encrypted: Box::new(other.context()) };
    assert_eq!(keys.decrypt(&swapped), Err(altered.clone()));
    assert!(altered.to_string().contains("it names number 106540352100143"), "{altered}");
    for entry in [
        EscrowEntry { change: other.change, ..entry.clone() },
        EscrowEntry { number: other.number, ..entry.clone() },
        EscrowEntry { waba: None, ..entry.clone() },
        EscrowEntry { at: UtcTime::from_unix_seconds(1_795_356_303), ..entry.clone() },
    ] {
        assert!(matches!(keys.decrypt(&entry), Err(DecryptPinError::ContextMismatch { .. })), "{entry:?}");
    }
    for (position, byte) in entry.ciphertext.0.iter().enumerate() {
        let mut ciphertext = entry.ciphertext.clone();
        ciphertext.0[position] = byte ^ 1;
        assert!(keys.decrypt(&EscrowEntry { ciphertext, ..entry.clone() }).is_err(), "byte {position} is not verified");
    }
    let truncated = Ciphertext(entry.ciphertext.0[..entry.ciphertext.0.len() - 1].to_vec());
    assert_eq!(keys.decrypt(&EscrowEntry { ciphertext: truncated, ..entry.clone() }), Err(DecryptPinError::Damaged));
    let key: x25519::Recipient = public.parse().expect("a key");
    for text in [b"hello".to_vec(), vec![b' '; 100_000]] {
        let foreign = Ciphertext(age::encrypt(&key, &text).expect("encrypted"));
        assert_eq!(
            keys.decrypt(&EscrowEntry { ciphertext: foreign, ..entry.clone() }),
            Err(DecryptPinError::InvalidPlaintext)
        );
    }
    assert_eq!(keys.decrypt(&entry), Ok(expected_decrypted(&entry, "012345")));
}

#[test]
fn debug_output_contains_neither_keys_nor_pins() {
    let fixture = EscrowFixture::new();
    let (key, public) = fixture.age_key("key.txt");
    let entry = encrypt(&recipients(&[&public]), NUMBER, "908172");
    let keys = read_identities(&key);
    assert_eq!(format!("{keys:?}"), "Identities(1 redacted)");
    let decrypted = format!("{:?}", keys.decrypt(&entry).expect("decrypted"));
    assert!(decrypted.contains("Pin(******)") && !decrypted.contains("908172"), "{decrypted}");
}
