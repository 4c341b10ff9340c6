//! What a store call can answer instead of a result.

/// Why a store call failed. Each variant names its subject; `code()` is stable and has a page in the documentation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No such object or instance.
    #[error("{what} not found")]
    NotFound {
        /// Kind, namespace and name, as people write it: `workflow default/hello`.
        what: String,
    },
    /// An object of that name is there already.
    #[error("{what} already exists")]
    AlreadyExists {
        /// Kind, namespace and name.
        what: String,
    },
    /// A compare-and-set did not hold: somebody else wrote first.
    #[error("{what}: expected {expected}, found {actual}; read it again and repeat the change")]
    Conflict {
        /// Kind, namespace and name, or the instance.
        what: String,
        /// What the caller had seen: `revision 7`, `uid …`, `sequence 3`.
        expected: String,
        /// What is there, in the same words.
        actual: String,
    },
    /// A journal was appended to by a later owner: this one must stop.
    #[error("instance {instance}: fenced, generation {ours} was followed by {theirs}")]
    Fenced {
        /// The instance.
        instance: String,
        /// The caller's generation.
        ours: u64,
        /// The generation that took over.
        theirs: u64,
    },
    /// The revision or cursor is older than what is retained.
    #[error("revision {asked} has expired, the oldest retained is {oldest}; list again and watch from there")]
    Expired {
        /// What was asked for.
        asked: u64,
        /// The oldest that can be served.
        oldest: u64,
    },
    /// A named limit was passed.
    #[error("{what}: {actual} exceeds the limit {limit_name} of {limit}")]
    TooLarge {
        /// The subject.
        what: String,
        /// The limit's name.
        limit_name: &'static str,
        /// The limit.
        limit: u64,
        /// What was asked for.
        actual: u64,
    },
    /// The request cannot be right as it stands.
    #[error("{what}: {reason}")]
    Invalid {
        /// The subject.
        what: String,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// The store cannot serve now: a full disk, a failed fsync, a closed database. Reads may still work.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What happened and what to do.
        reason: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Stored data cannot be read.
    #[error("{what} is damaged: {reason}")]
    Corrupt {
        /// The subject.
        what: String,
        /// What was found.
        reason: String,
    },
}

impl StoreError {
    /// A stable word for machines and for the page that says what to do.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "NotFound",
            Self::AlreadyExists { .. } => "AlreadyExists",
            Self::Conflict { .. } => "Conflict",
            Self::Fenced { .. } => "Fenced",
            Self::Expired { .. } => "Expired",
            Self::TooLarge { .. } => "TooLarge",
            Self::Invalid { .. } => "Invalid",
            Self::Unavailable { .. } => "Unavailable",
            Self::Corrupt { .. } => "Corrupt",
        }
    }
}
