//! Between the types of the interfaces and those that authors see.

use std::time::Duration;

use crate::bindings::host::colchis::plugin::{secrets, types};
use crate::secrets::Algorithm;
use crate::{Class, Error};

/// The error of an interface.
pub(crate) fn error_into(error: Error) -> types::PluginError {
    let class = match error.class() {
        Class::InvalidConfig => types::ErrorClass::InvalidConfig,
        Class::Denied => types::ErrorClass::Denied,
        Class::Unavailable => types::ErrorClass::Unavailable,
        Class::Throttled(after) => types::ErrorClass::Throttled(after.map(millis)),
        Class::NotFound => types::ErrorClass::NotFound,
        Class::Permanent => types::ErrorClass::Permanent,
        Class::Other(name) => types::ErrorClass::Other(name.clone()),
    };
    types::PluginError {
        class,
        code: error.code().to_owned(),
        message: error.message().to_owned(),
        field: error.field().map(str::to_owned),
        extensions: Vec::new(),
    }
}

/// An error of the host.
pub(crate) fn error_from(error: types::PluginError) -> Error {
    let class = match error.class {
        types::ErrorClass::InvalidConfig => Class::InvalidConfig,
        types::ErrorClass::Denied => Class::Denied,
        types::ErrorClass::Unavailable => Class::Unavailable,
        types::ErrorClass::Throttled(after) => Class::Throttled(after.map(Duration::from_millis)),
        types::ErrorClass::NotFound => Class::NotFound,
        types::ErrorClass::Permanent => Class::Permanent,
        types::ErrorClass::Other(name) => Class::Other(name),
    };
    Error::new(class, error.code, error.message).at(error.field.unwrap_or_default())
}

pub(crate) fn algorithm_into(algorithm: &Algorithm) -> secrets::Algorithm {
    match algorithm {
        Algorithm::HmacSha1 => secrets::Algorithm::HmacSha1,
        Algorithm::HmacSha256 => secrets::Algorithm::HmacSha256,
        Algorithm::HmacSha512 => secrets::Algorithm::HmacSha512,
        Algorithm::RsaSha256 => secrets::Algorithm::RsaSha256,
        Algorithm::Ed25519 => secrets::Algorithm::Ed25519,
        Algorithm::Other(name) => secrets::Algorithm::Other(name.clone()),
    }
}

/// Milliseconds, as interfaces have durations.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
