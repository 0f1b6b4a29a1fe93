//! Texts that Meta sends and people read: marks around a number, formulas in a name, and lists that come back from a
//! spreadsheet.

use std::thread;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::CliHome;
use crate::support::scripted_server::{ScriptStep, ScriptedServer};

const FIRST_ID: &str = "700000000000001";
const WABA_TABLE: &str = "[[profile.test.waba]]\nid = \"900000000000001\"\nname = \"@uk\"\n";

/// The reply to a request, with this status.
fn reply(status: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A list of these numbers. Their IDs count up from [`FIRST_ID`].
fn list_reply(numbers: &[(&str, &str)]) -> Vec<u8> {
    let first: u64 = FIRST_ID.parse().expect("digits");
    let rows: Vec<_> = (first..)
        .zip(numbers)
        .map(|(id, (display, name))| {
            json!({"id": id.to_string(), "display_phone_number": display, "verified_name": name,
                   "status": "CONNECTED", "is_pin_enabled": false})
        })
        .collect();
    reply("200 OK", &json!({ "data": rows }))
}

/// A server that answers each request with these numbers. It stops when dropped.
struct MetaNumbers {
    home: CliHome,
    _stop: oneshot::Sender<()>,
}

impl MetaNumbers {
    /// Numbers with these display numbers and names.
    fn serve(numbers: &[(&str, &str)]) -> Self {
        Self::start(vec![list_reply(numbers)])
    }

    /// Answers the first request with the first reply, and so on.
    fn start(replies: Vec<Vec<u8>>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (sender, url) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let script = |reply| vec![ScriptStep::Bytes(reply), ScriptStep::Close];
                let server = ScriptedServer::start(replies.into_iter().map(script).collect()).await;
                sender.send(server.url()).expect("the test waits");
                stopped.await.ok();
            });
        });
        Self { home: CliHome::new(&url.recv().expect("the server starts"), WABA_TABLE), _stop: stop }
    }

    fn path(&self, name: &str) -> String {
        self.home.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }
}

#[test]
fn the_digits_of_a_number_are_those_that_meta_sent() {
    let meta = MetaNumbers::serve(&[("\u{202a}+52 1 555 010 0143\u{202c}", "Acme 1")]);
    meta.home.write_file("pin", 0o600, "409726");
    meta.home.write_file("end", 0o600, "100143");
    let set = |pin: &str, confirm: &str| {
        meta.home.run(&["pin", "set", FIRST_ID, "--pin-file", &meta.path(pin), "--confirm", confirm, "--dry-run"])
    };
    let confirmed = set("pin", "0143");
    assert_eq!(confirmed.code, Some(0), "{confirmed:?}");
    assert!(confirmed.stdout.contains("+52 1 555 010 0143") && !confirmed.stdout.contains("\\u"), "{confirmed:?}");
    assert_eq!(set("pin", "3202").code, Some(5));
    let weak = set("end", "0143");
    assert!(weak.code == Some(2) && weak.stderr.contains("easy to guess"), "{weak:?}");
}

#[test]
fn json_holds_what_meta_sent_and_no_control_character() {
    let (display, name) = ("\u{202a}+52 1 555 010 0143\u{202c}", "Acme\u{1b}[2J\u{200b}\u{9b}é");
    let meta = MetaNumbers::serve(&[(display, name)]);
    let listed = meta.home.run(&["numbers", "list", "--json"]);
    let object = &listed.json_lines()[0];
    assert_eq!(
        (object["display_phone_number"].as_str(), object["verified_name"].as_str()),
        (Some(display), Some(name))
    );
    assert!(listed.stdout.contains("Acme\\u001b[2J\\u200b\\u009bé"), "{listed:?}");
    assert!(listed.stdout.contains("\"\\u202a+52 1 555 010 0143\\u202c\""), "{listed:?}");
    let table = meta.home.run(&["numbers", "list"]);
    assert!(!table.stdout.contains(['\u{1b}', '\u{9b}', '\u{200b}']), "{table:?}");
    let shown = meta.home.run(&["numbers", "show", FIRST_ID]);
    assert!(!shown.stdout.contains(['\u{1b}', '\u{9b}', '\u{200b}']), "{shown:?}");
}

#[test]
fn csv_is_no_formula_and_can_be_given_back() {
    let formula = "=HYPERLINK(\"http://evil.example\",\"Acme, Ltd\")";
    let meta = MetaNumbers::serve(&[("+44 7700 900001", formula), ("+44 7700 900002", "@SUM(1)\u{202e}")]);
    let listed = meta.home.run(&["numbers", "list", "--csv"]);
    let rows: Vec<&str> = listed.stdout.lines().skip(1).collect();
    assert_eq!(
        rows,
        [
            "1,700000000000001,900000000000001,'@uk,+44 7700 900001,\"'=HYPERLINK(\"\"http://evil.example\"\",\
             \"\"Acme, Ltd\"\")\",not_set,CONNECTED,,,,,,,",
            "1,700000000000002,900000000000001,'@uk,+44 7700 900002,'@SUM(1)\\u{202e},not_set,CONNECTED,,,,,,,",
        ]
    );
    meta.home.write_file("pin", 0o600, "409726");
    for (name, list) in
        [("list.csv", &listed.stdout), ("list.json", &meta.home.run(&["numbers", "list", "--json"]).stdout)]
    {
        meta.home.write_file(name, 0o644, list);
        let (list, pin) = (meta.path(name), meta.path("pin"));
        let output = meta.home.run(&["pin", "set", "--from", &list, "--pin-file", &pin, "--confirm", "2", "--dry-run"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains(FIRST_ID) && output.stdout.contains("700000000000002"), "{output:?}");
    }
}

#[test]
fn a_list_that_a_spreadsheet_changed_is_refused_by_name() {
    let meta = MetaNumbers::serve(&[("+44 7700 900001", "Acme")]);
    meta.home.write_file("pin", 0o600, "409726");
    meta.home.write_file(
        "ids.txt",
        0o644,
        "\u{feff}700000000000001\r\n7.00000000000001E+14\r\n\"700000000000001\"\r\n700000000000001\u{a0}\r\n",
    );
    let (list, pin) = (meta.path("ids.txt"), meta.path("pin"));
    let output = meta.home.run(&["pin", "set", "--from", &list, "--pin-file", &pin, "--confirm", "1"]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            Some(2),
            "pindesk: ~/ids.txt has errors. Nothing was sent.\n  \
             line 2: a spreadsheet rounded this ID, and its last digits are lost. Format the column as text, and copy \
             the IDs again\n  \
             line 3: it is in quotation marks. Remove them\n  \
             line 4: there is an invisible character (U+00A0) behind it. Remove it\n"
        )
    );
}

#[test]
fn a_listed_number_that_several_fit_is_refused_by_line() {
    let meta = MetaNumbers::serve(&[("+44 7700 900001", "Acme"), ("+44 7700-900001", "Bolt\u{1b}[2J")]);
    meta.home.write_file("pin", 0o600, "409726");
    meta.home.write_file("ids.txt", 0o644, "700000000000001\n+44 7700 900001\n");
    let (list, pin) = (meta.path("ids.txt"), meta.path("pin"));
    let output = meta.home.run(&["pin", "set", "--from", &list, "--pin-file", &pin, "--confirm", "2"]);
    let message = "pindesk: ~/ids.txt has errors. Nothing was sent.\n  line 2: +44 7700 900001 fits 2 numbers: \
                   700000000000001 Acme, 700000000000002 Bolt\\u{1b}[2J. Give the phone number ID\n";
    assert_eq!((output.code, output.stderr.as_str()), (Some(2), message));
}

#[test]
fn a_job_keeps_names_exactly_only_in_its_json() {
    let name = "=Acme\u{202e}";
    let meta = MetaNumbers::serve(&[("+44 7700 900001", name)]);
    meta.home.write_file("pin", 0o600, "409726");
    let set = meta.home.run(&["pin", "set", FIRST_ID, "--pin-file", &meta.path("pin"), "--confirm", "0001", "--json"]);
    assert_eq!(set.json_lines()[0]["verified_name"], name, "{set:?}");
    let shown = meta.home.run(&["jobs", "show", "1", "--json"]);
    assert_eq!(shown.json_lines()[0]["verified_name"], name, "{shown:?}");
    let report = meta.home.run(&["jobs", "report", "1", "--csv"]);
    let row = format!("1,{FIRST_ID},+44 7700 900001,'=Acme\\u{{202e}},900000000000001,");
    assert!(report.stdout.lines().nth(1).is_some_and(|line| line.starts_with(&row)), "{report:?}");
    for output in [set, shown, report, meta.home.run(&["jobs", "show", "1"]), meta.home.run(&["jobs", "report", "1"])] {
        assert!(!output.stdout.contains('\u{202e}') && !output.stderr.contains('\u{202e}'), "{output:?}");
    }
}

/// A refusal with all the words that Meta can send. Some of them run from right to left, and some repeat the PIN.
fn wordy_refusal() -> Vec<u8> {
    let error = json!({
        "message": "(#133008) Too many PIN guesses", "type": "OAuthException", "code": 133_008,
        "error_data": {"messaging_product": "whatsapp", "details": "Wait 3600 s. PIN 409726"},
        "error_user_title": "Zu viele Versuche", "error_user_msg": "קוד 409726 \u{202e}שגוי", "fbtrace_id": "AbC",
    });
    reply("400 Bad Request", &json!({ "error": error }))
}

#[test]
fn a_result_has_the_words_that_meta_wrote_for_people() {
    let meta = MetaNumbers::start(vec![list_reply(&[("+44 7700 900001", "Acme")]), wordy_refusal()]);
    meta.home.write_file("pin", 0o600, "409726");
    let set = meta.home.run(&["pin", "set", FIRST_ID, "--pin-file", &meta.path("pin"), "--confirm", "0001", "--json"]);
    assert!(!set.stderr.contains('\u{202e}'), "{set:?}");
    let lines = "\n  Meta said: (#133008) Too many PIN guesses\n  Details: Wait 3600 s. PIN [PIN]\n  \
                 Title: Zu viele Versuche\n  User message: \u{2068}קוד [PIN] \\u{202e}שגוי\u{2069}\n  \
                 Code, HTTP: 133008, 400\n  Trace ID: AbC\n";
    assert_eq!(set.stderr.matches(lines).count(), 1, "{set:?}");
    for command in ["show", "report"] {
        let output = meta.home.run(&["jobs", command, "1"]);
        let group = "\n1 number: failed: too many PIN tries (code 133008)\n  Meta said: (#133008) Too many PIN guesses\n  \
                     Details: Wait 3600 s. PIN [PIN]\n  Title: Zu viele Versuche\n  \
                     User message: \u{2068}קוד [PIN] \\u{202e}שגוי\u{2069}\n";
        assert!(output.stdout.contains(group), "{output:?}");
    }
    let shown = meta.home.run(&["jobs", "show", "1", "--json"]);
    for output in [set, shown] {
        let result = &output.json_lines()[0];
        let found = ["message", "details", "user_title", "user_message", "trace_id"].map(|key| &result[key]);
        let expected = [
            "(#133008) Too many PIN guesses",
            "Wait 3600 s. PIN [PIN]",
            "Zu viele Versuche",
            "קוד [PIN] \u{202e}שגוי",
            "AbC",
        ];
        assert_eq!(found, expected.map(Value::from).each_ref(), "{output:?}");
        assert!(!output.stdout.contains('\u{202e}'), "{output:?}");
    }
}

#[test]
fn what_a_gateway_says_of_a_request_is_told_in_each_form() {
    let cases = [
        ("401 Unauthorized", "Unknown key.", "  Put an access token or key of that server into token_file.\n"),
        (
            "403 Forbidden",
            "Blocked by rule 7.",
            "  Ask those who run that server or proxy which rule refuses the request.\n",
        ),
    ];
    for (status, text, step) in cases {
        let refusal = reply(status, &json!({ "message": text }));
        let meta = MetaNumbers::start(vec![list_reply(&[("+44 7700 900001", "Acme")]), refusal]);
        meta.home.write_file("pin", 0o600, "409726");
        let set = meta.home.run(&["pin", "set", FIRST_ID, "--pin-file", &meta.path("pin"), "--confirm", "0001"]);
        let said = format!("\n  The server said: {text}\n");
        assert!(set.stderr.contains(step) && set.stderr.contains(&said), "{set:?}");
        assert_eq!(set.stderr.contains("token_file"), status.starts_with("401"), "{set:?}");
        let shown = meta.home.run(&["jobs", "show", "1"]);
        assert!(shown.stdout.contains(&said), "{shown:?}");
        let shown = meta.home.run(&["jobs", "show", "1", "--json"]);
        let result = &shown.json_lines()[0];
        let reason = result["reason"].as_str().expect("a reason");
        assert!(reason.contains(text.trim_end_matches('.')) && result["tries"] == 1, "{shown:?}");
    }
}

#[test]
fn an_id_of_the_wrong_kind_comes_with_the_words_of_meta() {
    let message = "(#100) Tried accessing nonexisting field (display_phone_number) on node type (Business)";
    let error = json!({"error": {"message": message, "type": "OAuthException", "code": 100, "fbtrace_id": "AbC"}});
    let meta = MetaNumbers::start(vec![reply("400 Bad Request", &error)]);
    let shown = meta.home.run(&["numbers", "show", FIRST_ID]);
    let words = format!("\n  Meta said: {message}\n  Code, HTTP: 100, 400\n  Trace ID: AbC\n");
    assert!(
        shown.stderr.contains("This ID is not a phone number, but a Business.") && shown.stderr.ends_with(&words),
        "{shown:?}"
    );
}
