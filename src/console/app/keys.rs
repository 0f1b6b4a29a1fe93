//! What a key does: the table says what it means, the page says what follows.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use std::time::Duration;

use tui_input::{Input, InputRequest};

use super::confirm::{Confirm, Verdict};
use super::screen::{CheckNotePage, CopyPage, Covering, NumberPage};
use super::{App, Effect, Screen, pages};
use crate::console::decoder::Pasted;
use crate::console::key::Key;
use crate::console::keymap::{Action, Mode};
use crate::console::pin_form::{Field, Note};
use crate::moment::TimePoint;
use crate::pin::PIN_DIGITS;
use crate::text::CleanText;

/// A second Ctrl-C within this time quits.
const INTERRUPT_TWICE: Duration = Duration::from_secs(2);

/// A filter longer than this is no filter, and a note longer than this is a report.
const MAX_FIELD_CHARS: usize = 200;

/// A shorter note says nothing.
const MIN_NOTE_CHARS: usize = 3;

impl App {
    pub(super) fn key_pressed(&mut self, key: Key, now: TimePoint) -> Vec<Effect> {
        if self.idle.ends(now.instant) {
            return Vec::new();
        }
        let mode = self.mode();
        let action = self.keymap.action(mode, key);
        self.messages.drop_hint();
        if action != Some(Action::ReadAll) {
            self.asked_to_read_all = false;
        }
        match action {
            Some(Action::Interrupt) => self.interrupt(now),
            Some(Action::Redraw) => vec![Effect::Redraw],
            Some(Action::Suspend) => self.suspend(),
            Some(action) => self.act(action, now),
            None => {
                self.key_typed(key, now);
                Vec::new()
            }
        }
    }

    fn act(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        if action == Action::Hide {
            return self.hide(None, now);
        }
        match self.mode() {
            Mode::TooSmall => self.ask_to_quit(),
            Mode::List | Mode::NoNumbers => self.act_on_list(action, now),
            Mode::Filter => self.act_on_filter(action),
            Mode::Sort => self.act_on_sort(action),
            Mode::Details | Mode::Failed | Mode::NoAnswer => self.act_on_number(action, now),
            Mode::PinForm => self.act_on_form(action, now),
            Mode::CheckNote => self.act_on_check_note(action),
            Mode::Confirm | Mode::ConfirmReplace | Mode::ConfirmCheck => self.act_on_confirm(action, now),
            Mode::Unresolved => self.act_on_unresolved(action),
            Mode::Recipients => self.act_on_recipients(action, now),
            Mode::Hidden => self.act_on_hidden(action),
            Mode::Copy => self.act_on_copy(action),
            Mode::Messages | Mode::Help | Mode::Unrecorded | Mode::Copied => self.act_on_covering(action),
            Mode::Quit | Mode::Leaving => self.act_on_leaving(action, now),
            Mode::Welcome | Mode::Token => self.act_on_start(action),
        }
    }

    /// A key that the table does not bind: text where text is taken, otherwise nothing.
    fn key_typed(&mut self, key: Key, now: TimePoint) {
        match (&mut self.screen, key) {
            (Screen::Filter(line), _) => {
                if edit(&mut line.input, key) {
                    self.filter_changed();
                }
            }
            (Screen::CheckNote(page), _) => {
                page.note = None;
                edit(&mut page.input, key);
            }
            (Screen::Form(page), Key::Char(c)) => page.form.type_char(c),
            (Screen::Confirm(page), Key::Char(c)) if c.is_ascii_digit() && page.mode() == Mode::ConfirmReplace => {
                page.type_digit(c, now.instant);
            }
            (Screen::Confirm(page), _) => page.press_other(now.instant),
            (Screen::Recipients(page), _) => {
                page.guard.admits(now.instant);
                page.note = Some("Press y if these keys are right, n to go back.");
            }
            _ => self.nothing_does(key),
        }
    }

    pub(super) fn pasted(&mut self, paste: &Pasted, now: TimePoint) {
        if self.idle.ends(now.instant) {
            return;
        }
        self.messages.drop_hint();
        match (self.mode(), &mut self.screen) {
            (Mode::Confirm | Mode::ConfirmReplace | Mode::ConfirmCheck, Screen::Confirm(page)) => {
                page.paste(now.instant);
                self.messages.hint("A paste confirms nothing.");
            }
            (Mode::Recipients, Screen::Recipients(page)) => {
                page.guard.admits(now.instant);
                self.messages.hint("A paste confirms nothing.");
            }
            (Mode::CheckNote, Screen::CheckNote(page)) => {
                page.note = None;
                insert(&mut page.input, paste.as_str());
            }
            (Mode::PinForm, Screen::Form(page)) => page.form.paste(paste.as_str()),
            (Mode::Filter, Screen::Filter(line)) => {
                insert(&mut line.input, paste.as_str());
                self.filter_changed();
            }
            (Mode::List, Screen::List) => match pages::number_in(paste.as_str()) {
                Some(digits) => self.set_filter(&digits),
                None => self.messages.hint("Paste ignored. Open a field first."),
            },
            (Mode::Quit, _) => self.messages.hint("A paste confirms nothing."),
            _ => self.messages.hint("Paste ignored."),
        }
    }

    fn act_on_number(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        let Screen::Number(mut page) = self.take_screen() else { return Vec::new() };
        let here = Screen::Number(page);
        match action {
            Action::Back => return Vec::new(),
            Action::SetPin => {
                self.go(here);
                return self.open_form(Some(page.id), now);
            }
            Action::ReadThis | Action::ReadStatus => {
                self.go(here);
                return self.read_this(Some(page.id));
            }
            Action::SendSamePin => {
                self.go(here);
                if self.may_send(&page.id, true, now)
                    && let Some(target) = self.number(&page.id)
                {
                    self.open_confirm(Confirm::send_same(target));
                }
            }
            Action::CheckByHand => {
                self.go(here);
                if self.may_record(&page.id) {
                    self.go(Screen::CheckNote(CheckNotePage { id: page.id, input: Input::default(), note: None }));
                }
            }
            Action::PickCopy => self.go(Screen::Copy(CopyPage { id: page.id, back: Box::new(here) })),
            Action::Messages => self.go(Screen::Messages(Covering::new(here))),
            Action::Help => self.go(Screen::Help(Covering::new(here))),
            Action::Up | Action::Down => {
                page.scroll = self.scrolled(page.scroll, action);
                self.go(Screen::Number(page));
            }
            _ => self.go(here),
        }
        Vec::new()
    }

    fn act_on_check_note(&mut self, action: Action) -> Vec<Effect> {
        let Screen::CheckNote(mut page) = self.take_screen() else { return Vec::new() };
        match action {
            Action::Continue => match checked_note(page.input.value()) {
                Ok(note) => {
                    if let Some(target) = self.number(&page.id) {
                        self.open_confirm(Confirm::checked_by_hand(target, note));
                    }
                    return Vec::new();
                }
                Err(why) => page.note = Some(why),
            },
            Action::ClearField => page.input = Input::default(),
            _ => {
                self.go(Screen::Number(NumberPage { id: page.id, scroll: 0 }));
                return Vec::new();
            }
        }
        self.go(Screen::CheckNote(page));
        Vec::new()
    }

    fn act_on_form(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        let Screen::Form(mut page) = self.take_screen() else { return Vec::new() };
        let form = &mut page.form;
        match action {
            Action::Cancel => {
                self.messages.tell(now.utc, "Cancelled. Nothing was sent.");
                return Vec::new();
            }
            Action::Help => {
                form.hide();
                self.go(Screen::Help(Covering::new(Screen::Form(page))));
                return Vec::new();
            }
            Action::Continue => {
                match form.submit() {
                    Some(pin) => {
                        let mut question = Confirm::set(page.target, pin);
                        question.note = page.news;
                        self.open_confirm(question);
                    }
                    None => self.go(Screen::Form(page)),
                }
                return Vec::new();
            }
            Action::RandomPin if form.can_show() => {
                let display_number = form.display_number().map(str::to_owned);
                self.go(Screen::Form(page));
                return vec![Effect::DrawPin { display_number }];
            }
            Action::RandomPin => form.say(Note::ShowingIsOff),
            Action::ShowPin => form.toggle_shown(now.instant),
            Action::NextField => form.go_to(Field::Again),
            Action::PreviousField => form.go_to(Field::New),
            Action::DeleteDigit => form.delete(),
            Action::ClearField => form.clear(),
            _ => {}
        }
        self.go(Screen::Form(page));
        Vec::new()
    }

    fn act_on_confirm(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        let Screen::Confirm(mut page) = self.take_screen() else { return Vec::new() };
        let verdict = match action {
            Action::Send | Action::Record => page.press_yes(now.instant),
            Action::Continue => page.press_enter(now.instant),
            Action::Cancel if page.mode() == Mode::ConfirmCheck => {
                self.messages.tell(now.utc, "Cancelled. Nothing was recorded.");
                self.go(Screen::Number(NumberPage { id: page.target.id, scroll: 0 }));
                return Vec::new();
            }
            Action::Cancel => {
                self.messages.tell(now.utc, "Cancelled. Nothing was sent.");
                return Vec::new();
            }
            Action::DeleteDigit | Action::ClearField => {
                page.delete(action == Action::ClearField, now.instant);
                Verdict::Stay(page)
            }
            _ => Verdict::Stay(page),
        };
        match verdict {
            Verdict::Stay(page) => {
                self.go(Screen::Confirm(page));
                Vec::new()
            }
            Verdict::TooManyWrong => {
                self.messages.tell(now.utc, "Cancelled: the digits were wrong 5 times. Nothing was sent.");
                Vec::new()
            }
            Verdict::Go(order) => self.give(order, now),
        }
    }

    pub(super) fn cover(&mut self, page: fn(Covering) -> Screen) {
        let below = self.take_screen();
        self.go(page(Covering::new(below)));
    }

    fn act_on_covering(&mut self, action: Action) -> Vec<Effect> {
        let (mut page, wrap): (Covering, fn(Covering) -> Screen) = match self.take_screen() {
            Screen::Help(page) => (page, Screen::Help),
            Screen::Messages(page) => (page, Screen::Messages),
            Screen::Unrecorded(page) => (page, Screen::Unrecorded),
            Screen::Copied(page) => {
                self.go(*page.back);
                return Vec::new();
            }
            other => {
                self.go(other);
                return Vec::new();
            }
        };
        if action == Action::Back {
            self.go(*page.below);
        } else {
            page.scroll = self.scrolled(page.scroll, action);
            self.go(wrap(page));
        }
        Vec::new()
    }

    /// Where a page is scrolled to after a key.
    pub(super) fn scrolled(&self, scroll: u16, action: Action) -> u16 {
        let rows = self.size.height.saturating_sub(4).max(1);
        match action {
            Action::Up => scroll.saturating_sub(1),
            Action::Down => scroll.saturating_add(1),
            Action::PageUp => scroll.saturating_sub(rows),
            Action::PageDown => scroll.saturating_add(rows),
            _ => scroll,
        }
    }

    fn act_on_start(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::TryAgain => vec![Effect::ReadToken],
            Action::Cancel if self.roster.total() == 0 => {
                self.messages.hint("There is no list yet.");
                Vec::new()
            }
            Action::Cancel => {
                self.go(self.page_below_all());
                Vec::new()
            }
            Action::Demo => vec![Effect::OpenDemo],
            Action::Help => {
                self.cover(Screen::Help);
                Vec::new()
            }
            // They name numbers.
            Action::Messages if self.conceals() => Vec::new(),
            Action::Messages => {
                self.cover(Screen::Messages);
                Vec::new()
            }
            _ => self.ask_to_quit(),
        }
    }

    fn suspend(&mut self) -> Vec<Effect> {
        if self.session.may_suspend {
            self.screen.hidden();
            return vec![Effect::Suspend];
        }
        self.messages.hint("Ctrl-Z is off here.");
        Vec::new()
    }

    /// Ctrl-C: back, also out of fields; on the list as `q`; a second one within two seconds quits.
    fn interrupt(&mut self, now: TimePoint) -> Vec<Effect> {
        let is_second =
            self.last_interrupt.is_some_and(|before| now.instant.saturating_duration_since(before) < INTERRUPT_TWICE);
        self.last_interrupt = Some(now.instant);
        if is_second {
            return self.quit_at_once();
        }
        match self.mode() {
            Mode::List | Mode::NoNumbers | Mode::Welcome | Mode::Token | Mode::TooSmall => self.ask_to_quit(),
            Mode::Filter => self.act_on_filter(Action::UndoFilter),
            Mode::PinForm => self.act_on_form(Action::Cancel, now),
            Mode::CheckNote => self.act_on_check_note(Action::Cancel),
            Mode::Confirm | Mode::ConfirmReplace | Mode::ConfirmCheck => self.act_on_confirm(Action::Cancel, now),
            Mode::Unresolved => self.act_on_unresolved(Action::Back),
            Mode::Recipients => self.act_on_recipients(Action::Cancel, now),
            Mode::Hidden => self.act_on_hidden(Action::Back),
            Mode::Quit | Mode::Leaving => self.act_on_leaving(Action::Stay, now),
            Mode::Sort => self.act_on_sort(Action::Back),
            Mode::Copy => self.act_on_copy(Action::Back),
            Mode::Details | Mode::Failed | Mode::NoAnswer => self.act_on_number(Action::Back, now),
            Mode::Messages | Mode::Help | Mode::Unrecorded | Mode::Copied => self.act_on_covering(Action::Back),
        }
    }

    /// Sends a confirmed order on its way, unless something came between the question and the answer.
    fn give(&mut self, order: Effect, now: TimePoint) -> Vec<Effect> {
        let (id, is_same) = match &order {
            Effect::SetPin { number, .. } => (*number, false),
            Effect::SendSamePin(number) => (*number, true),
            Effect::SettleByHand { number, .. } => {
                let may = self.may_record(number);
                let told = if may { "Recording the check by hand." } else { "Nothing was recorded." };
                self.messages.tell(now.utc, told);
                return if may { vec![order] } else { Vec::new() };
            }
            _ => return vec![order],
        };
        if !self.may_still_send(&id, is_same, now) {
            return Vec::new();
        }
        self.roster.set_job(id, crate::job::ChangeState::Queued);
        let label = self.label(&id);
        self.messages.tell(now.utc, format!("Set PIN for {label}: recording, then sending."));
        vec![order]
    }
}

/// The note of a check by hand, if it says something and holds nothing that could be a PIN: it is kept in the clear.
fn checked_note(text: &str) -> Result<CleanText, &'static str> {
    let text = text.trim();
    if text.chars().count() < MIN_NOTE_CHARS {
        return Err("Write down what was found, in 3 letters or more.");
    }
    let digits = |part: &str| part.chars().filter(|c| c.is_numeric()).count();
    // Digits set apart by single signs, as people write a PIN, are one run; a phone number or an ID is a longer one. Behind a
    // date or another number, a PIN in one piece still stands out.
    let mut runs = text.split(char::is_alphabetic).chain(text.split(|c: char| !c.is_numeric()));
    if runs.any(|run| digits(run) == PIN_DIGITS) {
        return Err("Leave the PIN out: six digits in a row. The note is kept in the clear.");
    }
    Ok(CleanText::new(text))
}

/// Puts pasted text into a text field.
fn insert(input: &mut Input, text: &str) {
    let room = MAX_FIELD_CHARS.saturating_sub(input.value().chars().count());
    for c in text.chars().filter(|c| !c.is_control()).take(room) {
        input.handle(InputRequest::InsertChar(c));
    }
}

/// Edits a text field by the keys of readline. True if the text changed.
fn edit(input: &mut Input, key: Key) -> bool {
    let request = match key {
        Key::Char(c) if input.value().chars().count() < MAX_FIELD_CHARS => InputRequest::InsertChar(c),
        Key::Backspace => InputRequest::DeletePrevChar,
        Key::Delete => InputRequest::DeleteNextChar,
        Key::Ctrl('w') => InputRequest::DeletePrevWord,
        Key::Left => InputRequest::GoToPrevChar,
        Key::Right => InputRequest::GoToNextChar,
        Key::Home => InputRequest::GoToStart,
        Key::End => InputRequest::GoToEnd,
        _ => return false,
    };
    input.handle(request).is_some_and(|change| change.value)
}
