//! Keys that move on lists and long pages, and keys without an action.

use std::time::Duration;

use pindesk::console::input::key::Key;
use pindesk::console::input::keymap::Mode;
use pindesk::console::pages::Page;

use crate::support::app_fixture::{AppFixture, number_id, recording_with_escrow};

fn loaded(size: (u16, u16)) -> AppFixture {
    AppFixture::loaded(size, recording_with_escrow())
}

#[test]
fn g_goes_to_the_first_row_and_shift_g_to_the_last() {
    let mut console = loaded((80, 24));
    let cursor = |console: &AppFixture| console.app.roster().cursor_row().map(|row| row.number.id);
    for (first, last) in [('g', 'G'), ('<', '>')] {
        console.press(last);
        assert_eq!(cursor(&console), Some(number_id(3)));
        console.press(first);
        assert_eq!(cursor(&console), Some(number_id(0)));
    }
}

#[test]
fn every_key_of_a_list_scrolls_a_long_page() {
    let mut console = loaded((40, 10));
    console.key(Key::Enter);
    let scroll = |console: &AppFixture| {
        let Page::Number(page) = console.app.page() else { panic!("not the page of a number") };
        page.scroll
    };
    let keys = |console: &mut AppFixture, keys: &[Key]| {
        for key in keys {
            console.key(*key);
        }
        scroll(console)
    };
    let bottom = keys(&mut console, &[Key::Char('G')]);
    assert!(bottom > 6, "the page must be longer than the window: {bottom}");
    assert_eq!(keys(&mut console, &[Key::Up]), bottom - 1);
    assert_eq!(keys(&mut console, &[Key::End]), bottom);
    assert_eq!(keys(&mut console, &[Key::Char('g')]), 0);
    assert_eq!(keys(&mut console, &[Key::Char('j'), Key::Down, Key::Char('k')]), 1);
    // A page of text has 6 lines here, and the last one stays in view.
    for down in [Key::PageDown, Key::Ctrl('d'), Key::Ctrl('f')] {
        assert_eq!(keys(&mut console, &[Key::Home, down]), 5, "{down}");
        for up in [Key::PageUp, Key::Ctrl('u')] {
            assert_eq!(keys(&mut console, &[up]), 0, "{up}");
            keys(&mut console, &[down]);
        }
    }
}

#[test]
fn a_key_without_an_action_says_so() {
    let mut console = loaded((80, 24));
    console.press('x').sees("No action on \"x\". ? shows the keys.");
    console.key(Key::Tab).sees("No action on \"Tab\". ? shows the keys.");
    console.key(Key::Ctrl('s')).sees("Ctrl-S does nothing here.");
    console.key(Key::Enter).press('X').sees("No action on \"X\". ? shows the keys.");
    // The messages page has no help.
    console.press('m').press('x').sees("No action on \"x\".").does_not_see("? shows the keys");
}

#[test]
fn a_text_field_ignores_a_key_without_an_action() {
    let mut console = loaded((80, 24));
    console.press('/').key(Key::PageUp).does_not_see("No action");
    console.key(Key::Esc).press('p').key(Key::PageUp).does_not_see("No action");
}

#[test]
fn keys_typed_for_a_page_that_did_not_open_do_nothing() {
    let mut console = AppFixture::new((80, 24));
    console.read_list().press('p').sees("The journal is still being opened.");
    for key in [Key::Char('g'), Key::Down, Key::Enter, Key::Char('q')] {
        console.wait(Duration::from_millis(399)).key(key).assert_no_effects();
        console.sees("The journal is still being opened.").sees("> +1 555-010-0140");
        assert_eq!(console.app.mode(), Mode::List);
    }
    console.wait(Duration::from_millis(400)).key(Key::Enter);
    assert_eq!(console.app.mode(), Mode::Details);
}

#[test]
fn the_line_of_the_sort_keys_says_how_the_list_is_sorted() {
    let mut console = AppFixture::loaded((80, 24), recording_with_escrow());
    console.press('o').sees("Sorted by NUMBER ^. The key of the same column again reverses it.").press('n');
    console.press('o').sees("Sorted by NUMBER v.").press('t').press('o').sees("Sorted by TWO-STEP ^.");
}
