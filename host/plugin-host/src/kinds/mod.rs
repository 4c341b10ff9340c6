//! The kinds of plugins, one file each: the traits of `plugin` over the exports of a component.

pub(crate) mod description;
pub(crate) mod metric;
pub(crate) mod step;
