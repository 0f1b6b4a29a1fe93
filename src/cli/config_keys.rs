//! The keys of the console as the config changes them, checked by every command that reads a config: a mistake is reported
//! when the file is edited, and not only when the screen opens.
//!
//! The keymap decides what is a mistake.

use crate::config::{Config, ConfigError};
use crate::console::input::keymap::{self, Keymap, RebindError};

/// The default keys with those of the config.
///
/// # Errors
/// At the first line of `[keys]` that cannot be used.
pub(crate) fn keymap_from_config(config: &Config) -> Result<Keymap, ConfigError> {
    let mut keymap = Keymap::default();
    for binding in &config.key_overrides {
        keymap.rebind(&binding.action, &binding.key).map_err(|error| {
            let what = error.to_string();
            match error {
                RebindError::UnknownAction { .. } => {
                    binding.action_error("unknown action", &keymap::rebindable_names())
                }
                RebindError::FixedAction(_) => binding.action_error(&what, &keymap::rebindable_names()),
                RebindError::UnknownKey(_)
                | RebindError::ReservedKey(_)
                | RebindError::AlsoConfirms(_)
                | RebindError::Conflict { .. }
                | RebindError::TypedAsText { .. } => {
                    binding.key_error(&what, "a key that is free on every page of this action")
                }
            }
        })?;
    }
    Ok(keymap)
}
