//! The services, one file each.

pub(crate) mod archive;
pub(crate) mod artifacts;
pub(crate) mod cron;
pub(crate) mod info;
pub(crate) mod logs;
pub(crate) mod nodes;
pub(crate) mod plugins;
pub(crate) mod resources;
pub(crate) mod templates;
pub(crate) mod workflows;
