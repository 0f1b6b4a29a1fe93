//! The public keys that PINs are encrypted to, from the config and from a recipients file.

use std::path::Path;

use age::x25519;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use pindesk::config::EscrowSettings;
use pindesk::domain::text_problem::TextProblem;
use pindesk::escrow::{Fingerprint, RecipientKeyError, Recipients, RecipientsError};

use super::{AGE, EscrowFixture, find_tool, load_recipients, recipients};

/// A valid public key without a known private key.
const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBHvp7aptwxjOph/aTAlMGntAfYMxZHmBu1Hf95T52m3";

fn load_recipients_file(path: &Path) -> Result<Option<Recipients>, RecipientsError> {
    Recipients::load(&EscrowSettings { recipients: Vec::new(), recipients_file: Some(path.to_owned()) })
}

#[test]
fn fingerprints_are_those_that_ssh_keygen_prints() {
    let fixture = EscrowFixture::new();
    let (_, age) = fixture.age_key("age.txt");
    let mut expected = vec![age.clone()];
    let mut public_keys = vec![age];
    for (name, kind) in [("e", "ed25519"), ("r", "rsa")] {
        let Some((key, public)) = fixture.ssh_key(name, &["-t", kind], "") else { continue };
        let output = find_tool("ssh-keygen")
            .expect("an installed ssh-keygen")
            .arg("-l")
            .arg("-f")
            .arg(key)
            .output()
            .expect("it ran");
        let text = String::from_utf8(output.stdout).expect("text");
        let sha256 = text.split_whitespace().find(|word| word.starts_with("SHA256:")).expect("a fingerprint");
        expected.push(format!("ssh-{kind} {sha256}"));
        public_keys.push(public);
    }
    expected.sort();
    let public_keys: Vec<&str> = public_keys.iter().map(String::as_str).collect();
    let fingerprints = recipients(&public_keys).fingerprints();
    assert_eq!(fingerprints.iter().map(Fingerprint::as_str).collect::<Vec<_>>(), expected);
}

/// The base64 of a public key: each field after its length.
fn ssh_key_blob(fields: &[&[u8]]) -> String {
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend_from_slice(&u32::try_from(field.len()).expect("short").to_be_bytes());
        bytes.extend_from_slice(field);
    }
    BASE64_STANDARD.encode(bytes)
}

/// An RSA public key with this many bits.
fn rsa_public_key(bits: usize) -> String {
    let mut modulus = vec![0];
    modulus.resize(bits / 8 + 1, 0xc5);
    format!("ssh-rsa {}", ssh_key_blob(&[b"ssh-rsa", &[1, 0, 1], &modulus]))
}

/// Whether 17 characters of a line appear in a text, whatever their case.
fn repeats_a_part(text: &str, line: &str) -> bool {
    let lower_case = text.to_lowercase();
    line.to_lowercase().as_bytes().windows(17).any(|part| lower_case.contains(&*String::from_utf8_lossy(part)))
}

/// Asserts that each line, among good keys, refuses a recipients file and a config, with this reason and without repeating it.
fn assert_refused(cases: &[(String, RecipientKeyError)]) {
    let fixture = EscrowFixture::new();
    for (line, expected) in cases {
        let path =
            fixture.write_file("recipients", format!("# the team\r\n\n{AGE} ana@acme\n  {line}\r\n{ED25519}\n"), 0o644);
        let file_error = load_recipients_file(&path).map(|_| ()).expect_err("the whole list is refused");
        let config_error = load_recipients(&[AGE, line, ED25519]).map(|_| ()).expect_err("the whole list is refused");
        let file = format!("recipients file {}, line 4", path.display());
        for (error, location) in [(file_error, file.as_str()), (config_error, "recipients of the config, entry 2")] {
            let message = format!("{error} {error:?}");
            assert!(
                matches!(error, RecipientsError::InvalidKey { reason, .. } if reason == *expected),
                "{line}: {message}"
            );
            assert!(message.starts_with(&format!("{location}: {expected}. ")), "{message}");
            assert!(!repeats_a_part(&message, line), "{line} is repeated: {message}");
        }
    }
}

#[test]
fn one_unusable_key_refuses_the_whole_list_with_the_reason() {
    use RecipientKeyError as E;
    let (ed25519_blob, rsa) = (&ED25519["ssh-ed25519 ".len()..], rsa_public_key(2048));
    let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    let key_with_point = |kind: &str, point: &[u8]| format!("{kind} {}", ssh_key_blob(&[kind.as_bytes(), point]));
    let cases: &[(String, RecipientKeyError)] = &[
        (format!("ecdsa-sha2-nistp256 {ed25519_blob} ana@acme"), E::Ecdsa),
        (format!("sk-ssh-ed25519@openssh.com {ed25519_blob}"), E::SecurityKey),
        (format!("sk-ecdsa-sha2-nistp256@openssh.com {ed25519_blob}"), E::SecurityKey),
        (format!("ssh-dss {ed25519_blob}"), E::Dsa),
        (rsa_public_key(1024), E::RsaTooSmall),
        (rsa_public_key(2040), E::RsaTooSmall),
        (rsa_public_key(8192), E::RsaTooLarge),
        (AGE.replace("svpy7pa", "svpy7pp"), E::BadChecksum),
        (AGE[..40].to_owned(), E::BadChecksum),
        (secret.to_owned(), E::PrivateKey),
        (format!("ana: {}", secret.to_lowercase()), E::PrivateKey),
        ("AGE-PLUGIN-YUBIKEY-1QQQQQQQQQQQQQQQQ".to_owned(), E::PrivateKey),
        ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), E::PrivateKey),
        ("b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW".to_owned(), E::PrivateKey),
        ("-----BEGIN PUBLIC KEY-----".to_owned(), E::Pem),
        ("---- BEGIN SSH2 PUBLIC KEY ----".to_owned(), E::Pem),
        ("age1pq1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq".to_owned(), E::PostQuantum),
        ("age1yubikey1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq".to_owned(), E::Plugin),
        (format!("ssh-ed25519-cert-v01@openssh.com {ed25519_blob}"), E::Certificate),
        (format!("command=\"true\",no-pty {ED25519} ana@acme"), E::TextBeforeKey),
        (format!("{AGE} {ED25519}"), E::MultipleKeys),
        (format!("{ED25519} ana@acme # {AGE}"), E::MultipleKeys),
        (format!("backup.example.com {rsa}"), E::TextBeforeKey),
        (format!("restrict ecdsa-sha2-nistp256 {ed25519_blob}"), E::TextBeforeKey),
        ("ssh-ed25519".to_owned(), E::MalformedSsh),
        (ED25519[..ED25519.len() - 4].to_owned(), E::MalformedSsh),
        (format!("{ED25519}AAAA"), E::MalformedSsh),
        (format!("ssh-rsa {ed25519_blob}"), E::MalformedSsh),
        (format!("ssh-rsa {}", ssh_key_blob(&[b"ssh-rsa", &[1, 0, 1], &[0xc5; 256], b"more"])), E::MalformedSsh),
        (rsa[..rsa.len() - 8].to_owned(), E::MalformedSsh),
        (key_with_point("ssh-ed25519", &[0; 32]), E::SmallOrderPoint),
        ("github:ana".to_owned(), E::UnknownFormat),
        ("ana@acme.example".to_owned(), E::UnknownFormat),
    ];
    assert_refused(cases);
}

#[test]
fn a_wrapped_key_is_named_for_what_it_is() {
    use RecipientKeyError as E;
    let invisible = |character, place| E::Wrapped(TextProblem::Invisible { character, place });
    assert_refused(&[
        ("\u{1b}[2J\u{0}".to_owned(), invisible('\u{1b}', "before")),
        (format!("\"{AGE}\","), E::Wrapped(TextProblem::Quoted)),
        (format!("“{ED25519}”"), E::Wrapped(TextProblem::Quoted)),
        (format!("recipient={AGE}"), E::Wrapped(TextProblem::Assignment)),
        (format!("[\"{AGE}\"]"), E::Wrapped(TextProblem::Json)),
        (format!("{AGE}\u{200b}"), invisible('\u{200b}', "behind")),
        (format!("\u{feff}{AGE}"), invisible('\u{feff}', "before")),
    ]);
}

#[test]
fn a_recipients_file_without_keys_or_with_a_bad_mode_fails() {
    let fixture = EscrowFixture::new();
    for text in ["", "\n\n", "# age1…\n"] {
        let path = fixture.write_file("recipients", text, 0o644);
        let error = load_recipients_file(&path).map(|_| ()).expect_err("no key");
        assert_eq!(error.to_string(), format!("recipients file {}: it contains no key", path.display()));
    }
    let path = fixture.write_file("recipients", AGE, 0o664);
    let error = load_recipients_file(&path).map(|_| ()).expect_err("others can write it");
    assert_eq!(
        error.to_string(),
        format!("recipients file {0}: others can write it (mode 0664). Run: chmod go-w {0}", path.display())
    );
    let error = load_recipients_file(&fixture.path("none")).map(|_| ()).expect_err("a missing file");
    assert_eq!(error.to_string(), format!("recipients file {}: there is no such file", fixture.path("none").display()));
    let wide: Vec<u8> = AGE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let path = fixture.write_file("recipients", wide, 0o644);
    let error = load_recipients_file(&path).map(|_| ()).expect_err("UTF-16");
    assert_eq!(error.to_string(), format!("recipients file {}: it is UTF-16 text. Save it as UTF-8", path.display()));
    let path = fixture.write_file("recipients", format!("\u{feff}{AGE}\r\n"), 0o644);
    assert!(load_recipients_file(&path).expect("a byte order mark is skipped").is_some());
    assert!(load_recipients(&[]).expect("no error").is_none());
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
fn a_key_counts_once_and_is_labeled_by_its_comment() {
    let fixture = EscrowFixture::new();
    let upper = AGE.to_uppercase();
    let text = format!("# the team\n{AGE}\n\t{ED25519}\t Ana\u{1b}[2J at Acme \n{upper} # Ben\n");
    let settings = EscrowSettings {
        recipients: vec![format!(" {ED25519} ana@acme "), rsa_public_key(2048)],
        recipients_file: Some(fixture.write_file("recipients", text, 0o644)),
    };
    let team = Recipients::load(&settings).expect("usable").expect("three");
    let labels: Vec<String> = team.labels().iter().map(ToString::to_string).collect();
    let expected =
        [("ana@acme (ssh-ed25519 SHA256:", ")"), ("ssh-rsa SHA256:", ""), ("age1t7rxyev2z3rw82stdlrrep…vpy7pa", "")];
    assert_eq!(labels.len(), expected.len(), "{labels:?}");
    for (label, (start, end)) in labels.iter().zip(expected) {
        assert!(label.starts_with(start) && label.ends_with(end), "{label}");
    }
    assert_eq!(team.fingerprints().len(), 3);
    let commented = recipients(&[&format!("{AGE} # \u{1b}[2JBen")]);
    assert_eq!(commented.labels()[0].as_str(), "\\u{1b}[2JBen (age1t7rxyev2z3rw82stdlrrep…vpy7pa)");
}
