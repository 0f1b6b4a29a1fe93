//! Handles keys and pastes: the keymap maps a key to an action, and the page performs the action.
//!
//! It sends nothing: what must be done is returned as effects.

#![expect(clippy::wildcard_enum_match_arm, reason = "a page meets only the actions that its mode binds")]

use std::time::Duration;

use tui_input::{Input, InputRequest};

use super::confirm::{ConfirmPage, ConfirmResult};
use super::screen::{CopyPage, NumberPage, Overlay, ResolutionNotePage};
use super::{App, Effect, Screen, number_actions};
use crate::console::input::decoder::PastedText;
use crate::console::input::key::Key;
use crate::console::input::keymap::{Action, Mode};
use crate::console::pin_form::{PinField, PinFormNote};
use crate::domain::clock::TimePoint;
use crate::domain::pin::PIN_DIGITS;
use crate::domain::text::CleanText;

/// A second Ctrl-C within this time quits.
const DOUBLE_INTERRUPT_WINDOW: Duration = Duration::from_secs(2);

/// The maximum length of a filter and of a note.
const MAX_FIELD_CHARS: usize = 200;

/// The minimum length of a note: a shorter one explains nothing.
const MIN_NOTE_CHARS: usize = 3;

impl App {
    pub(super) fn key_pressed(&mut self, key: Key, now: TimePoint) -> Vec<Effect> {
        if self.idle_timer.record_activity(now.instant) {
            return Vec::new();
        }
        let mode = self.mode();
        let action = self.keymap.action(mode, key);
        self.messages.clear_hint();
        if action != Some(Action::RefreshAll) {
            self.asked_to_refresh_all = false;
        }
        match action {
            Some(Action::Interrupt) => self.interrupt(now),
            Some(Action::Redraw) => vec![Effect::Redraw],
            Some(Action::Suspend) => self.suspend(),
            Some(action) => self.handle_action(action, now),
            None => {
                self.handle_unbound_key(key, now);
                Vec::new()
            }
        }
    }

    fn handle_action(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        if action == Action::HideScreen {
            return self.hide(None, now);
        }
        match self.mode() {
            Mode::TooSmall => self.ask_to_quit(),
            Mode::List | Mode::NoNumbers => self.act_on_list(action, now),
            Mode::Filter => self.act_on_filter(action),
            Mode::Sort => self.act_on_sort(action),
            Mode::Details | Mode::Failed | Mode::NoAnswer => self.act_on_number(action, now),
            Mode::PinForm => self.act_on_form(action, now),
            Mode::ResolutionNote => self.act_on_resolution_note(action),
            Mode::Confirm | Mode::ConfirmReplace | Mode::ConfirmResolution => self.act_on_confirm(action, now),
            Mode::Unresolved => self.act_on_unresolved(action),
            Mode::Recipients => self.act_on_recipients(action, now),
            Mode::Hidden => self.act_on_hidden(action),
            Mode::Copy => self.act_on_copy(action),
            Mode::Messages | Mode::Help | Mode::JournalUnavailable | Mode::Copied => self.act_on_overlay(action),
            Mode::Quit | Mode::ShuttingDown => self.act_on_quit(action, now),
            Mode::Welcome | Mode::Token => self.act_on_start(action),
        }
    }

    /// A key that the keymap does not bind: text in a text field, otherwise nothing.
    fn handle_unbound_key(&mut self, key: Key, now: TimePoint) {
        match (&mut self.screen, key) {
            (Screen::Filter(filter), _) => {
                if edit_text(&mut filter.input, key) {
                    self.filter_changed();
                }
            }
            (Screen::ResolutionNote(page), _) => {
                page.note = None;
                edit_text(&mut page.input, key);
            }
            (Screen::Form(page), Key::Char(c)) => page.form.type_char(c),
            (Screen::Confirm(page), Key::Char(c)) if c.is_ascii_digit() && page.mode() == Mode::ConfirmReplace => {
                page.type_digit(c, now.instant);
            }
            (Screen::Confirm(page), _) => page.press_other(now.instant),
            (Screen::Recipients(page), _) => {
                page.guard.accepts_key(now.instant);
                page.note = Some("Press y if these keys are right, n to go back.");
            }
            _ => self.hint_unbound_key(key),
        }
    }

    pub(super) fn pasted(&mut self, paste: &PastedText, now: TimePoint) {
        if self.idle_timer.record_activity(now.instant) {
            return;
        }
        self.messages.clear_hint();
        match (self.mode(), &mut self.screen) {
            (Mode::Confirm | Mode::ConfirmReplace | Mode::ConfirmResolution, Screen::Confirm(page)) => {
                page.paste(now.instant);
                self.messages.set_hint("A paste confirms nothing.");
            }
            (Mode::Recipients, Screen::Recipients(page)) => {
                page.guard.accepts_key(now.instant);
                self.messages.set_hint("A paste confirms nothing.");
            }
            (Mode::ResolutionNote, Screen::ResolutionNote(page)) => {
                page.note = None;
                insert_text(&mut page.input, paste.as_str());
            }
            (Mode::PinForm, Screen::Form(page)) => page.form.paste(paste.as_str()),
            (Mode::Filter, Screen::Filter(filter)) => {
                insert_text(&mut filter.input, paste.as_str());
                self.filter_changed();
            }
            (Mode::List, Screen::List) => match number_actions::extract_number_digits(paste.as_str()) {
                Some(digits) => self.set_filter(&digits),
                None => self.messages.set_hint("Paste ignored. Open a field first."),
            },
            (Mode::Quit, _) => self.messages.set_hint("A paste confirms nothing."),
            _ => self.messages.set_hint("Paste ignored."),
        }
    }

    fn act_on_number(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        let Screen::Number(mut page) = self.take_screen() else { return Vec::new() };
        let screen = Screen::Number(page);
        match action {
            Action::Back => return Vec::new(),
            Action::SetPin => {
                self.set_screen(screen);
                return self.open_form(Some(page.id), now);
            }
            Action::RefreshNumber | Action::RefreshStatus => {
                self.set_screen(screen);
                return self.refresh_number(Some(page.id));
            }
            Action::SendSamePin => {
                self.set_screen(screen);
                if self.may_send(&page.id, true, now)
                    && let Some(target) = self.number(&page.id)
                {
                    self.open_confirm(ConfirmPage::resend_pin(target));
                }
            }
            Action::MarkResolved => {
                self.set_screen(screen);
                if self.may_record_resolution(&page.id) {
                    self.set_screen(Screen::ResolutionNote(ResolutionNotePage {
                        id: page.id,
                        input: Input::default(),
                        note: None,
                    }));
                }
            }
            Action::PickCopy => self.set_screen(Screen::Copy(CopyPage { id: page.id, back: Box::new(screen) })),
            Action::Messages => self.set_screen(Screen::Messages(Overlay::new(screen))),
            Action::Help => self.set_screen(Screen::Help(Overlay::new(screen))),
            Action::Up | Action::Down => {
                page.scroll = self.scroll_after(page.scroll, action);
                self.set_screen(Screen::Number(page));
            }
            _ => self.set_screen(screen),
        }
        Vec::new()
    }

    fn act_on_resolution_note(&mut self, action: Action) -> Vec<Effect> {
        let Screen::ResolutionNote(mut page) = self.take_screen() else { return Vec::new() };
        match action {
            Action::Continue => match validate_note(page.input.value()) {
                Ok(note) => {
                    if let Some(target) = self.number(&page.id) {
                        self.open_confirm(ConfirmPage::resolve_manually(target, note));
                    }
                    return Vec::new();
                }
                Err(why) => page.note = Some(why),
            },
            Action::ClearField => page.input = Input::default(),
            _ => {
                self.set_screen(Screen::Number(NumberPage { id: page.id, scroll: 0 }));
                return Vec::new();
            }
        }
        self.set_screen(Screen::ResolutionNote(page));
        Vec::new()
    }

    fn act_on_form(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        let Screen::Form(mut page) = self.take_screen() else { return Vec::new() };
        let form = &mut page.form;
        match action {
            Action::Cancel => {
                self.messages.push(now.utc, "Cancelled. Nothing was sent.");
                return Vec::new();
            }
            Action::Help => {
                form.hide();
                self.set_screen(Screen::Help(Overlay::new(Screen::Form(page))));
                return Vec::new();
            }
            Action::Continue => {
                match form.submit() {
                    Some(pin) => {
                        let mut question = ConfirmPage::set_pin(page.target, pin);
                        question.note = page.notice;
                        self.open_confirm(question);
                    }
                    None => self.set_screen(Screen::Form(page)),
                }
                return Vec::new();
            }
            Action::RandomPin if form.can_show() => {
                let display_number = form.display_number().map(str::to_owned);
                self.set_screen(Screen::Form(page));
                return vec![Effect::GeneratePin { display_number }];
            }
            Action::RandomPin => form.set_note(PinFormNote::ShowingDisabled),
            Action::ShowPin => form.toggle_shown(now.instant),
            Action::NextField => form.focus(PinField::Repeat),
            Action::PreviousField => form.focus(PinField::New),
            Action::DeleteDigit => form.delete(),
            Action::ClearField => form.clear(),
            _ => {}
        }
        self.set_screen(Screen::Form(page));
        Vec::new()
    }

    fn act_on_confirm(&mut self, action: Action, now: TimePoint) -> Vec<Effect> {
        let Screen::Confirm(mut page) = self.take_screen() else { return Vec::new() };
        let result = match action {
            Action::Send | Action::ConfirmResolved => page.press_yes(now.instant),
            Action::Continue => page.press_enter(now.instant),
            Action::Cancel if page.mode() == Mode::ConfirmResolution => {
                self.messages.push(now.utc, "Cancelled. Nothing was recorded.");
                self.set_screen(Screen::Number(NumberPage { id: page.target.id, scroll: 0 }));
                return Vec::new();
            }
            Action::Cancel => {
                self.messages.push(now.utc, "Cancelled. Nothing was sent.");
                return Vec::new();
            }
            Action::DeleteDigit | Action::ClearField => {
                page.delete(action == Action::ClearField, now.instant);
                ConfirmResult::Stay(page)
            }
            _ => ConfirmResult::Stay(page),
        };
        match result {
            ConfirmResult::Stay(page) => {
                self.set_screen(Screen::Confirm(page));
                Vec::new()
            }
            ConfirmResult::TooManyWrongTries => {
                self.messages.push(now.utc, "Cancelled: the digits were wrong 5 times. Nothing was sent.");
                Vec::new()
            }
            ConfirmResult::Confirmed(effect) => self.submit_confirmed(effect, now),
        }
    }

    pub(super) fn open_overlay(&mut self, page: fn(Overlay) -> Screen) {
        let below = self.take_screen();
        self.set_screen(page(Overlay::new(below)));
    }

    fn act_on_overlay(&mut self, action: Action) -> Vec<Effect> {
        let (mut page, wrap): (Overlay, fn(Overlay) -> Screen) = match self.take_screen() {
            Screen::Help(page) => (page, Screen::Help),
            Screen::Messages(page) => (page, Screen::Messages),
            Screen::JournalUnavailable(page) => (page, Screen::JournalUnavailable),
            Screen::Copied(page) => {
                self.set_screen(*page.back);
                return Vec::new();
            }
            other => {
                self.set_screen(other);
                return Vec::new();
            }
        };
        if action == Action::Back {
            self.set_screen(*page.below);
        } else {
            page.scroll = self.scroll_after(page.scroll, action);
            self.set_screen(wrap(page));
        }
        Vec::new()
    }

    /// The scroll position after a key.
    pub(super) fn scroll_after(&self, scroll: u16, action: Action) -> u16 {
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
            Action::Retry => vec![Effect::ReadToken],
            Action::Cancel if self.roster.total() == 0 => {
                self.messages.set_hint("There is no list yet.");
                Vec::new()
            }
            Action::Cancel => {
                self.set_screen(self.base_screen());
                Vec::new()
            }
            Action::StartDemo => vec![Effect::OpenDemo],
            Action::Help => {
                self.open_overlay(Screen::Help);
                Vec::new()
            }
            // The messages name numbers.
            Action::Messages if self.hides_numbers() => Vec::new(),
            Action::Messages => {
                self.open_overlay(Screen::Messages);
                Vec::new()
            }
            _ => self.ask_to_quit(),
        }
    }

    fn suspend(&mut self) -> Vec<Effect> {
        if self.session.may_suspend {
            self.screen.mark_hidden();
            return vec![Effect::Suspend];
        }
        self.messages.set_hint("Ctrl-Z is off here.");
        Vec::new()
    }

    /// Ctrl-C goes back, also from a field. On a first page it acts like `q`. A second one within two seconds quits.
    fn interrupt(&mut self, now: TimePoint) -> Vec<Effect> {
        let is_second = self
            .last_interrupt
            .is_some_and(|before| now.instant.saturating_duration_since(before) < DOUBLE_INTERRUPT_WINDOW);
        self.last_interrupt = Some(now.instant);
        if is_second {
            return self.force_quit();
        }
        match self.mode() {
            Mode::List | Mode::NoNumbers | Mode::Welcome | Mode::Token | Mode::TooSmall => self.ask_to_quit(),
            Mode::Filter => self.act_on_filter(Action::RestoreFilter),
            Mode::PinForm => self.act_on_form(Action::Cancel, now),
            Mode::ResolutionNote => self.act_on_resolution_note(Action::Cancel),
            Mode::Confirm | Mode::ConfirmReplace | Mode::ConfirmResolution => self.act_on_confirm(Action::Cancel, now),
            Mode::Unresolved => self.act_on_unresolved(Action::Back),
            Mode::Recipients => self.act_on_recipients(Action::Cancel, now),
            Mode::Hidden => self.act_on_hidden(Action::Back),
            Mode::Quit | Mode::ShuttingDown => self.act_on_quit(Action::CancelQuit, now),
            Mode::Sort => self.act_on_sort(Action::Back),
            Mode::Copy => self.act_on_copy(Action::Back),
            Mode::Details | Mode::Failed | Mode::NoAnswer => self.act_on_number(Action::Back, now),
            Mode::Messages | Mode::Help | Mode::JournalUnavailable | Mode::Copied => self.act_on_overlay(Action::Back),
        }
    }

    /// Submits a confirmed effect, unless it is no longer possible because something changed since the question.
    fn submit_confirmed(&mut self, effect: Effect, now: TimePoint) -> Vec<Effect> {
        let (id, is_same_pin) = match &effect {
            // The page asks about one number.
            Effect::SetPin(plan) => match plan.targets.first() {
                Some(target) => (target.id, false),
                None => return Vec::new(),
            },
            Effect::ResendPin(number) => (*number, true),
            Effect::ResolveManually { number, .. } => {
                let may = self.may_record_resolution(number);
                let message = if may { "Recording the manual check." } else { "Nothing was recorded." };
                self.messages.push(now.utc, message);
                return if may { vec![effect] } else { Vec::new() };
            }
            _ => return vec![effect],
        };
        if !self.may_send_confirmed(&id, is_same_pin, now) {
            return Vec::new();
        }
        self.roster.set_change(id, crate::domain::change::ChangeState::Queued);
        let label = self.label(&id);
        self.messages.push(now.utc, format!("Set PIN for {label}: recording, then sending."));
        vec![effect]
    }
}

/// Accepts the note of a manual check if it is long enough and contains nothing that could be a PIN, because the
/// journal stores notes unencrypted. The error says what to change.
fn validate_note(text: &str) -> Result<CleanText, &'static str> {
    let text = text.trim();
    if text.chars().count() < MIN_NOTE_CHARS {
        return Err("Write what you found, in 3 letters or more.");
    }
    let digits = |part: &str| part.chars().filter(|c| c.is_numeric()).count();
    // A run of digits may contain separators, because people write a PIN with them. A phone number or an id is a longer
    // run. The second split still finds a PIN in one piece after a date or another number.
    let mut runs = text.split(char::is_alphabetic).chain(text.split(|c: char| !c.is_numeric()));
    if runs.any(|run| digits(run) == PIN_DIGITS) {
        return Err("Leave out the PIN (6 digits in a row): notes are not encrypted.");
    }
    Ok(CleanText::new(text))
}

/// Inserts pasted text into a text field, as far as it has room.
fn insert_text(input: &mut Input, text: &str) {
    let room = MAX_FIELD_CHARS.saturating_sub(input.value().chars().count());
    for c in text.chars().filter(|c| !c.is_control()).take(room) {
        input.handle(InputRequest::InsertChar(c));
    }
}

/// Edits a text field with the keys of readline. True if the text changed.
fn edit_text(input: &mut Input, key: Key) -> bool {
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
