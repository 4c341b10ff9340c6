//! Watch, decide, commit, perform.
