//! What finished runs are kept: time to live, history limits.

use crate::Runtime;

/// Follows finished runs.
pub(crate) fn start(_runtime: &Runtime) {}
