//! The functions of the language that take values only. Those that take a predicate are syntax (see `predicates`).

pub(super) mod arrays;
mod bits;
mod convert;
mod numbers;
pub(super) mod strings;
mod times;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::func::Func;

static TABLES: [&[Func]; 6] =
    [strings::TABLE, arrays::TABLE, numbers::TABLE, convert::TABLE, times::TABLE, bits::TABLE];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Func>> =
    LazyLock::new(|| TABLES.iter().flat_map(|table| table.iter()).map(|func| (func.name, func)).collect());

/// The function called `name`.
pub(super) fn find(name: &str) -> Option<&'static Func> {
    BY_NAME.get(name).copied()
}

/// All names, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().flat_map(|table| table.iter()).map(|func| func.name)
}
