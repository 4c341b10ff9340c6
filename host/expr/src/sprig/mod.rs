//! `sprig.*`: the generic functions of Masterminds/sprig 3.3, with its order of arguments.
//!
//! Not here: `env`, `expandenv`, `getHostByName` (they would read the server's environment and network). Refused with a reason: functions that
//! make keys, certificates and password hashes. Functions that change a map (`set`, `unset`, `merge` …) give a changed copy, as values never change.

mod convert;
mod dates;
mod decimal;
mod dicts;
mod encoding;
mod lists;
mod numbers;
mod paths;
mod random;
mod regexes;
mod semver;
mod strings;
mod urls;
mod words;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::func::Func;

pub use semver::Version;

static TABLES: [&[Func]; 11] = [
    strings::TABLE,
    lists::TABLE,
    dicts::TABLE,
    numbers::TABLE,
    convert::TABLE,
    encoding::TABLE,
    paths::TABLE,
    urls::TABLE,
    dates::TABLE,
    regexes::TABLE,
    random::TABLE,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Func>> = LazyLock::new(|| {
    let tables = TABLES.iter().flat_map(|table| table.iter()).chain(semver::TABLE);
    tables.map(|func| (func.name.strip_prefix("sprig.").unwrap_or(func.name), func)).collect()
});

/// The function `sprig.name`.
pub(crate) fn find(name: &str) -> Option<&'static Func> {
    BY_NAME.get(name).copied()
}

/// All names without the namespace, for suggestions.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BY_NAME.keys().copied()
}
