//! The selection of the list: its keys, how it is counted on the screen, and what a PIN is asked about.

use pindesk::console::app::Msg;
use pindesk::console::effect::WorkCommand;
use pindesk::console::input::decoder::PastedText;
use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::shared::{RecordingStatus, Size};
use pindesk::domain::change::ChangeState;
use pindesk::domain::number::{Number, PhoneNumberId};
use pindesk::domain::text::CleanText;
use pindesk::numbers::list::NumberList;
use pindesk::numbers::record::{ExportFormat, ExportedNumbers};

use crate::support::app_fixture::{
    AppFixture, ONE_ATTEMPT, number, number_id, recording_with_changed_keys, recording_with_escrow, set_pin_effect,
};

fn console() -> AppFixture {
    AppFixture::loaded((80, 24), recording_with_escrow())
}

#[track_caller]
fn assert_selected<const N: usize>(console: &AppFixture, indexes: [usize; N]) {
    assert_eq!(console.app.roster().selection().ids(), indexes.map(number_id), "\n{}", console.screen());
}

/// The line above the keys.
fn message_line(console: &AppFixture) -> String {
    console.screen().lines().nth(22).unwrap_or_default().to_owned()
}

#[test]
fn space_selects_and_moves_down() {
    let mut console = console();
    console.press(' ').press(' ').sees("2 selected").sees(" * +1 555-010-0140").sees("> +1 555-010-0142");
    assert_selected(&console, [0, 1]);
    assert_eq!(message_line(&console), "2 selected. p asks about all 2.");
    console.key(Key::Up).press(' ');
    assert_selected(&console, [0]);
    assert_eq!(message_line(&console), "1 selected. p asks about it.");
    console.press('n').does_not_see("* +1");
    assert_eq!(message_line(&console), "No number is selected.");
}

#[test]
fn hidden_numbers_are_always_counted() {
    let mut console = console();
    console.press('a').sees("All 4 numbers in 1 WABA").sees("4 selected").press('/').type_text("support");
    console.sees("2 of 4 4 selected, 2 hidden").key(Key::Enter);
    assert_eq!(message_line(&console), "4 selected: 2 of them are hidden by the filter. p asks about all 4.");
    console.press('i').sees("2 of 4 2 selected, 2 hidden").press('a').press('a').sees("4 selected, 2 hidden");
    console.key(Key::Esc).press('1').sees("3 of 4 4 selected, 1 hidden");
    assert_eq!(message_line(&console), "4 selected: 1 of them is hidden by the filter. p asks about all 4.");
    console.press('n').press('1').key(Key::Home).press(' ').press('/').type_text("support").key(Key::Enter);
    assert_eq!(message_line(&console), "1 selected: it is hidden by the filter. p asks about it.");
    console.update(Msg::Resized(Size { width: 40, height: 10 })).press('j').sees("/ support 1 selected, 1 hidden");
    console.key(Key::Esc).press('j').sees("1 selected");
}

#[test]
fn the_footer_says_what_the_selection_is_for() {
    let mut console = console();
    let footer = |console: &AppFixture| console.screen().lines().last().unwrap_or_default().to_owned();
    console.press('a');
    let keys = "p set PIN for 4  Space select  a all shown  i invert  v range  n none  ? help";
    assert_eq!(footer(&console), keys);
    console.update(Msg::Resized(Size { width: 120, height: 36 })).press('1');
    assert_eq!(footer(&console), format!("{keys}  Esc clear the filter"));
    console.press('v');
    assert_eq!(footer(&console), "v end the range  Esc cancel the range  p set PIN for 4  ? help");
}

#[test]
fn a_range_follows_the_cursor_until_it_ends() {
    let mut console = console();
    console.press('v').press('j').press('j');
    assert_selected(&console, [0, 1, 2]);
    console.press('k').press('v').press('G');
    assert_selected(&console, [0, 1]);
    console.press('v').press('g').key(Key::Esc);
    assert_selected(&console, [0, 1]);
    console.press('G').press('v').press('k').press(' ').press('k');
    assert_selected(&console, [0, 1, 2, 3]);
    console.press('n').press('v').press('j').press('/').key(Key::Down).key(Key::Esc).press('G');
    assert_selected(&console, [1, 2]);
}

#[test]
fn rows_that_come_are_not_selected() {
    let mut console = console();
    console.press('v').press('G');
    let first = Number { display_number: Some(CleanText::new("+1 200")), ..number(5) };
    console.update(Msg::NumberRead { id: number_id(5), result: Ok(first) }).sees("+1 200");
    assert_selected(&console, [0, 1, 2, 3]);
}

#[test]
fn a_number_that_vanished_is_told() {
    let mut console = console();
    console.press('a').press('u');
    let refresh_id = console.app.refresh_progress().id;
    console.update(Msg::PageReceived { refresh_id, numbers: vec![number(0), number(3)] });
    let waba = crate::support::app_fixture::waba();
    console.update(Msg::WabaRead { refresh_id, waba, result: Ok(()) }).update(Msg::RefreshFinished { refresh_id });
    assert_eq!(message_line(&console), "2 selected numbers are no longer listed. They left the selection: 2 selected.");
    assert_selected(&console, [0, 3]);
}

#[test]
fn the_pin_form_is_about_the_selected_number() {
    let mut console = console();
    console.press('G').press(' ').press('g').press('p');
    assert_eq!((console.app.mode(), console.app.page_number()), (Mode::PinForm, Some(number_id(3))));
    console.key(Key::Esc);
    assert_selected(&console, [3]);
    console.set_pin().assert_effects([set_pin_effect(3)]);
    assert_selected(&console, []);
    console.press('p');
    assert_eq!(console.app.page_number(), Some(number_id(0)));
}

#[test]
fn a_pin_for_another_number_keeps_the_selection() {
    let mut console = console();
    console.press('G').press(' ').press('k').press(' ').press('g').key(Key::Enter);
    console.set_pin().assert_effects([set_pin_effect(0)]);
    assert_selected(&console, [2, 3]);
}

#[test]
fn what_forbids_pins_forbids_many() {
    let mut console = AppFixture::loaded((80, 24), recording_with_changed_keys());
    console.press('a').press('p');
    assert_eq!(console.app.mode(), Mode::Recipients);
    let mut console = AppFixture::loaded((80, 24), RecordingStatus::Unusable(CleanText::new("no disk")));
    console.press('a').press('p');
    assert_eq!(console.app.mode(), Mode::JournalUnavailable);
    assert_selected(&console, [0, 1, 2, 3]);
}

#[test]
fn a_selected_row_that_no_longer_matches_is_marked_selected() {
    let mut console = console();
    console.press('1').press(' ').key(Key::Home).press('p').enter_pin();
    console.key(Key::Esc).key(Key::Esc).set_change_state(0, ChangeState::Set(ONE_ATTEMPT));
    let on = Number { two_step: pindesk::domain::number::TwoStep::On, ..number(0) };
    console.update(Msg::NumberRead { id: number_id(0), result: Ok(on) }).sees("> * +1 555-010-0140");
    console.press(' ').key(Key::Home).sees("> = +1 555-010-0140");
}

#[test]
fn the_pane_names_what_the_filter_hides() {
    let mut console = AppFixture::loaded((120, 36), recording_with_escrow());
    console.press('G').press(' ').press('a').press('1').set_change_state(0, ChangeState::Queued);
    console.wait(std::time::Duration::from_secs(1)).update(Msg::HistoryRead { id: number_id(3), lines: Vec::new() });
    let pane: Vec<String> =
        console.screen().lines().skip(3).map(|line| line.chars().skip(82).collect::<String>()).take(24).collect();
    let expected = [
        "4 selected, 1 hidden by the filter",
        "",
        "Two-step        not set 3",
        "                on 1",
        "WABA            uk-retail 4",
        "Left out        1",
        "",
        "Hidden by the filter",
        "+1 555-010-0141  Acme Support",
        "",
        "Under the cursor",
        "+1 555-010-0143  Acme Support",
        "Two-step        not set, read 14:03:09",
        "Last set here   never",
        "phone number ID 200000000000003",
        "WABA            uk-retail",
        "                102290129340398",
        "",
        "p set PIN for 4  n none  e export",
    ];
    assert_eq!(pane[..expected.len()], expected, "\n{}", console.screen());
}

#[test]
fn a_hidden_screen_ends_the_range_and_keeps_the_selection() {
    let mut console = console();
    console.press('v').press('j').wait(crate::support::app_fixture::HIDE_AFTER).sees("Hidden");
    console.key(Key::Enter).update(Msg::TokenRead(Ok(()))).press('G');
    let ids: Vec<PhoneNumberId> = console.app.roster().selection().ids();
    assert_eq!((ids.len(), console.app.roster().selection().has_range()), (2, false));
}

fn paste(console: &mut AppFixture, text: &str) {
    console.update(Msg::Pasted(PastedText::new(text.to_owned())));
}

#[test]
fn a_file_of_numbers_is_selected_after_a_question() {
    let mut console = console();
    console
        .press('G')
        .press(' ')
        .press('+')
        .sees("Select the numbers of a file")
        .type_text("~/ids.txt")
        .key(Key::Enter);
    console.assert_effects([WorkCommand::ReadNumberList("~/ids.txt".into())]).sees("Waiting for the file.");
    let text =
        b"200000000000001\n+1 555-010-0142\n\n+1 (555) 010-0141\nEAAJtoken\n409726\n44 7\nAcme Retail Mill Road\n";
    let list = NumberList::parse(text);
    console.update(Msg::NumberListRead { path: "~/ids.txt".into(), result: Ok(list) });
    let expected = "~/ids.txt has 2 numbers: select them? They are added to what is selected already: 1. \
                    5 of 7 lines cannot be used: line 4 +1 (555) 010-0141: duplicate of line 1 \
                    line 5 neither a phone number ID nor a phone number line 6 no number (six digits) in profile \
                    acme-prod line 7 no number 44 7 in profile acme-prod \
                    line 8 neither a phone number ID nor a phone number: 'Acme Retail Mill Roa'";
    console.sees(expected).does_not_see("409726");
    assert_selected(&console, [3]);
    console.press('y').sees("3 selected. p asks about all 3.");
    assert_selected(&console, [1, 2, 3]);
}

#[test]
fn a_file_that_cannot_be_used_keeps_its_path() {
    let mut console = console();
    console.press('+').key(Key::Enter).sees("Type the path of a file.").type_text("ids.txt").key(Key::Enter);
    let read = |result| Msg::NumberListRead { path: "ids.txt".into(), result };
    let why = "The file cannot be read: No such file or directory.";
    console.update(read(Err(CleanText::new(why)))).sees(why).sees("File: ids.txt");
    console.key(Key::Enter).update(read(Ok(NumberList::parse(b"# none\n")))).sees("There is no number in it.");
    console.key(Key::Enter).update(read(Ok(NumberList::parse(b"x\n")))).sees("has no number that can be selected");
    console.press('y').sees("No line can be used, so nothing is selected.").key(Key::Esc);
    console.press('+').type_text("ids.txt").key(Key::Enter).press('x');
    console.update(read(Ok(NumberList::parse(b"200000000000001\n")))).sees("File: ids.txtx");
    paste(&mut console, "y\r");
    console.sees("File: ids.txtxy").sees("that looked like a paste, so Enter was not taken").assert_no_effects();
    console.key(Key::Esc).update(read(Ok(NumberList::parse(b"200000000000001\n"))));
    assert_eq!(console.app.mode(), Mode::List);
    assert_selected(&console, []);
}

#[test]
fn several_pasted_lines_are_offered_as_a_selection() {
    let mut console = console();
    paste(&mut console, "200000000000003\r\r200000000000000\r");
    console.sees("The paste has 2 numbers: select them?").key(Key::Enter);
    assert_selected(&console, []);
    console.press('y');
    assert_selected(&console, [0, 3]);
    paste(&mut console, "name,phone_number_id\nx,200000000000001\n");
    console.sees("The paste has 1 number: select it?").press('n');
    assert_selected(&console, [0, 3]);
    paste(&mut console, "409726\n409726\n");
    console.sees("Paste ignored. None of its numbers is in this list.");
    paste(&mut console, "p409726\ry");
    console.sees("Paste ignored. Open a field first.");
    for size in [4 * 1024, 16 * 1024] {
        paste(&mut console, &"200000000000001\n".repeat(size / 16));
        console.sees("Paste ignored: it is too long, and its end is missing. + reads a file.");
    }
    assert_selected(&console, [0, 3]);
}

#[test]
fn pasted_columns_are_offered_as_a_selection() {
    let mut console = console();
    paste(&mut console, "Acme\t100000000000001\t200000000000003\rAcme\t100000000000001\t299999999999999\r");
    console.sees("The paste has 1 number: select it?").sees("line 2 no number 299999999999999").press('y');
    assert_selected(&console, [3]);
    let table =
        "NUMBER            NAME            REQUEST\n+1 555-010-0140   Acme Retail UK  set\n+1 555-010-0142   Acme\n";
    paste(&mut console, table);
    console.sees("The paste has 2 numbers: select them?").does_not_see("cannot be used").press('y');
    assert_selected(&console, [0, 2, 3]);
    paste(&mut console, "200000000000001, 200000000000002\n");
    console.sees("The paste has 2 numbers: select them?").press('n');
    paste(&mut console, "one\ttwo\n");
    console.sees("Paste ignored. Open a field first.");
    assert_selected(&console, [0, 2, 3]);
}

#[test]
fn an_export_has_what_is_selected_or_else_what_is_shown() {
    let mut console = console();
    let export = |indexes: &[usize], path: &str| WorkCommand::ExportNumbers {
        path: path.into(),
        format: ExportFormat::Csv,
        numbers: indexes.iter().map(|index| number(*index)).collect(),
    };
    let exported = |has_history| Ok(ExportedNumbers { path: "/home/ana/x/a.csv".into(), count: 2, has_history });
    console.press('/').type_text("support").key(Key::Enter).press('e').sees("Export 2 shown numbers");
    console.type_text("a.txt").key(Key::Enter).assert_no_effects().sees("End the path with .csv or .json.");
    console.key(Key::Ctrl('u')).type_text("x/a.csv").key(Key::Enter);
    console.assert_effects([export(&[1, 3], "x/a.csv")]);
    console.update(Msg::NumbersExported { path: "x/a.csv".into(), result: exported(true) });
    assert_eq!(message_line(&console), "Exported 2 numbers to /home/ana/x/a.csv.");
    console.update(Msg::NumbersExported { path: "/x/a.csv".into(), result: exported(false) });
    let without_requests = "Exported 2 numbers to /home/ana/x/a.csv, without their requests: the";
    assert!(message_line(&console).starts_with(without_requests), "{}", console.screen());
    console.press('g').press(' ').key(Key::Esc).press('e').sees("Export 1 selected number");
    console.type_text("/x/a.csv").key(Key::Enter).assert_effects([export(&[1], "/x/a.csv")]);
    let exists = || Err(CleanText::new("A file with this name exists already: choose another name."));
    console.update(Msg::NumbersExported { path: "/x/a.csv".into(), result: exists() });
    console.sees("A file with this name exists already: choose another name.").sees("File: /x/a.csv");
    console.key(Key::Enter).key(Key::Esc);
    console.update(Msg::NumbersExported { path: "/x/a.csv".into(), result: exists() });
    console.sees("/x/a.csv was not exported. A file with this name exists already");
    console.press('/').type_text("zzz").key(Key::Enter).press('n').press('e');
    assert_eq!(message_line(&console), "No number is shown, so there is nothing to export.");
}
