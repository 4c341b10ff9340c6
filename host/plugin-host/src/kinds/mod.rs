//! The kinds of plugins, one file each: the traits of `plugin` over the exports of a component.

pub(crate) mod description;
pub(crate) mod events;
pub(crate) mod metric;
pub(crate) mod receiver;
pub(crate) mod renderer;
pub(crate) mod step;
pub(crate) mod subscriber;
pub(crate) mod trigger;

use plugin::{ErrorClass, PluginError};

/// The longest message for people (bytes).
const MESSAGE_BYTES_MAX: usize = 4 << 10;

/// Nothing larger than that is taken.
fn no_larger(what: &str, bytes: usize, max: usize) -> Result<(), PluginError> {
    match bytes <= max {
        true => Ok(()),
        false => {
            let message = format!("{what} that the plugin gave has {bytes} bytes, more than {max}");
            Err(PluginError::new(ErrorClass::Permanent, "bad-answer", message))
        }
    }
}

/// A component without an export that was looked for when it was taken into service.
fn no_export(plugin: &str, word: &str) -> PluginError {
    PluginError::new(ErrorClass::InvalidConfig, "wrong-kind", format!("the plugin {plugin} is no {word}"))
}
