//! How much of a piece of work is done.

use std::fmt;

/// Argo's `N/M`: of a leaf its own, of all other nodes and of the run the sum over the leaves below.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// N.
    pub done: u64,
    /// M.
    pub total: u64,
}

impl Progress {
    /// Reads `N/M`; nothing when it is not that, or more is done than there is.
    pub fn parse(text: &str) -> Option<Self> {
        let (done, total) = text.trim().split_once('/')?;
        Some(Self { done: done.parse().ok()?, total: total.parse().ok()? }).filter(|p| p.is_valid())
    }

    /// Whether there is something to do and not more than that is done.
    pub fn is_valid(self) -> bool {
        self.total > 0 && self.done <= self.total
    }

    /// One of the parts of a sum has changed. The arithmetic wraps, so that a part which claims an absurd number leaves no trace once it is gone.
    pub(crate) fn exchange(&mut self, from: Self, to: Self) {
        self.done = self.done.wrapping_sub(from.done).wrapping_add(to.done);
        self.total = self.total.wrapping_sub(from.total).wrapping_add(to.total);
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.done, self.total)
    }
}
