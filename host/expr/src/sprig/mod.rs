//! sprig.

/// A semantic version.
#[derive(Clone, Debug)]
pub struct Version {
    original: String,
}

impl Version {
    /// As written.
    pub fn original(&self) -> &str {
        &self.original
    }

    pub(crate) fn cmp_precedence(&self, other: &Version) -> std::cmp::Ordering {
        self.original.cmp(&other.original)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.original)
    }
}
