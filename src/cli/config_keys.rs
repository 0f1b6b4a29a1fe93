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
    let entries = config.key_overrides.iter().map(|binding| (binding.action.as_str(), binding.key.as_str()));
    Keymap::with_own_keys(entries).map_err(|refused| {
        let binding = &config.key_overrides[refused.position];
        let what = refused.reason.to_string();
        match refused.reason {
            RebindError::UnknownAction { .. } => binding.action_error("unknown action", &keymap::rebindable_names()),
            RebindError::FixedAction(_) => binding.action_error(&what, &keymap::rebindable_names()),
            RebindError::UnknownKey(_)
            | RebindError::ReservedKey(_)
            | RebindError::AlsoConfirms(_)
            | RebindError::Conflict { .. }
            | RebindError::LastKey { .. }
            | RebindError::FixedKey { .. }
            | RebindError::TypedAsText { .. } => {
                binding.key_error(&what, "a key that is neither fixed nor the last one of another action")
            }
        }
    })
}
